/*
 * worker/log/log_path.h - logs whose paths have variables: opened by the worker, kept open for a
 * while.
 *
 * A file that is kept open is compared with its path, by one stat for each write unless the rules
 * say less often, so a log that was moved away is made anew at once.
 */
#pragma once

#include "worker/log/log_out.h"

/* `open_log_file_cache`, or what stands for "off". */
struct log_path_rules {
    int64_t max;          /* files kept open */
    int64_t inactive_ms;  /* closed when used less than min_uses times in so long */
    int64_t min_uses;
    int64_t valid_ms;     /* between two looks at the path */
};

extern const struct log_path_rules log_path_usual;

/* NULL when it is not open now. */
struct log_out *log_path_find(struct str path);

/* Remembers it; it is opened (and made) when its first lines are written. */
struct log_out *log_path_add(struct str path, const struct log_path_rules *rules);
