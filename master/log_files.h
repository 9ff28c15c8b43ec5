/*
 * master/log_files.h - the log files of a generation, opened by the master for its children.
 */
#pragma once

#include "common/base.h"

struct generation;
struct log_file;

/* Opens all that are not open. False after an [emerg] line for each that could not be. */
bool log_files_open(struct generation *gen);

/* For -t, which makes no file: false after an [emerg] line for each whose directory is missing, or
   which is a directory. */
bool log_files_could_open(const struct generation *gen);

/* Closes what log_files_open opened. */
void log_files_close(struct generation *gen);

/* Opens the file anew, beside what is open; -1 after an [emerg] line. It is given to `uid` (-1: to
   nobody), as nginx does when it reopens. */
int log_files_reopen(const struct log_file *file, int64_t uid);

/* The descriptor of a file in the list, -1 if none is a real one: where a daemon's stderr goes. */
int log_files_error_fd(const struct generation *gen);
