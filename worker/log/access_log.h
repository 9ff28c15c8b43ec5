/*
 * worker/log/access_log.h - one `access_log` of the configuration: where, what, and when.
 *
 * Knows scopes, not requests: the protocol's own module brings the rows and the log phase.
 */
#pragma once

#include "worker/log/log_format.h"
#include "worker/log/log_path.h"

struct growing_map;

/* All formats and files of a protocol's configuration. */
struct access_logs {
    struct growing_map *formats; /* struct log_format * */
    struct growing_map *outs;    /* struct log_out *, by the bytes of the pointer to its file */
    struct var_table *vars;
    const struct log_own *own;
};

struct access_log {
    struct log_out *out;             /* NULL: `path` is evaluated for each line */
    struct template *path;
    const struct log_format *format;
    struct template *condition;      /* NULL: always */
    struct access_log *next;
};

struct access_logs *access_logs_create(struct pool *pool, struct var_table *vars,
                                       const struct log_own *own);

/* Applies one `log_format`, or one `access_log` other than "off"; false after conf_fail. With
   `named`, a format has to be given; else "combined" is the default. */
bool access_log_format_load(struct conf_call *call, struct access_logs *logs);
bool access_log_load(struct conf_call *call, struct access_logs *logs, struct access_log **list);

/* Applies `open_log_file_cache`. */
bool access_log_rules_load(struct conf_call *call, const struct log_path_rules **rules);

/* The log_out of a file, one for each. */
struct log_out *access_log_out(struct pool *pool, struct access_logs *logs, struct log_file *file);

/* The format that is there without being defined; NULL after conf_fail. */
const struct log_format *access_log_combined(struct conf_call *call, struct access_logs *logs);

/* Logs one event, unless the condition says no. `may_make` is asked before a log with variables in
   its path is opened; NULL: always. */
void access_log_write(const struct access_log *log, struct scope *scope,
                      const struct log_path_rules *rules, bool (*may_make)(struct scope *scope));
