/*
 * worker/log/log_format.h - what a line of an access log looks like: `log_format`.
 *
 * Compiled at load into a list of steps; a line is printed straight into the log's buffer.
 */
#pragma once

#include "common/buf.h"
#include "common/conf_load.h"
#include "worker/net/scope.h"

/* Variables that their protocol gives by itself, without going through their values: `print` writes
   numbers and times, at most LOG_OWN_BYTES; `text` gives what is escaped like any value (data NULL:
   there is none), or false to have the variable asked after all. */
#define LOG_OWN_BYTES 64
typedef char *log_print_fn(struct scope *scope, char *out);
typedef bool log_text_fn(struct scope *scope, struct str *text);
struct log_own {
    const char *name; /* NULL ends a table */
    log_print_fn *print;
    log_text_fn *text;
};

enum log_escape { LOG_ESCAPE_DEFAULT, LOG_ESCAPE_JSON, LOG_ESCAPE_NONE };

struct log_format;

/* Config time. `parts` are joined. NULL after conf_fail; `first_arg` is where they stand. */
struct log_format *log_format_compile(struct conf_call *call, struct var_table *vars,
                                      enum log_escape escape, const struct conf_word *parts,
                                      uint32_t count, uint32_t first_arg,
                                      const struct log_own *own);

/* Appends a line, without a newline, to a buf that grows as needed. */
void log_format_print(const struct log_format *format, struct scope *scope, struct buf *out);

/* One value as the escapes want it: at most 4 (default) or 6 (json) bytes for each. Returns the
   end. */
char *log_format_escape(char *out, struct str value, enum log_escape escape);
