/*
 * common/log_rotate.h - log files that the server rotates itself: `access_log ... rotate_size=`.
 *
 * Who writes looks at the size now and then and asks; the master (or the only process) moves the
 * file to PATH.1, older ones a number up, makes a new one and hands it to everybody. Until a writer
 * has the new file its lines go to the old one, so none is lost and none is split.
 */
#pragma once

#include "common/log.h"

/* For a writer, after each write: asks through the function set below when the file is as large as
   it may be, at most once a second. Costs an fstat for each sixteenth of what is left. */
void log_rotate_wrote(struct log_file *file, size_t bytes);

typedef void log_rotate_fn(struct log_file *file);
void log_rotate_on_full(log_rotate_fn *ask);

/* For a writer: the file has been replaced. */
void log_rotate_replaced(struct log_file *file);

/* For who rotates, when the file has been opened: notes when it will be too old. */
void log_rotate_schedule(struct log_file *file);

/*
 * For who rotates: does so if the file is too large or too old, and not empty. True when there is
 * now another file at the path, made here (with the old one's mode and owner) or by somebody else:
 * every process has to open it. Another master that does the same (a binary upgrade) is waited for.
 * After a failure, which is logged, the file is left alone for a minute.
 */
bool log_rotate(struct log_file *file);

/* The file that is now at the path could not be opened: leaves it alone for a minute. */
void log_rotate_failed(struct log_file *file);
