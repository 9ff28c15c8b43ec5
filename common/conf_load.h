/*
 * common/conf_load.h - from a tree and the directive tables to typed structs.
 *
 * Every fault is reported, not just the first, each with file, line, column, a hint where one
 * helps, and on a terminal the source line with a caret.
 */
#pragma once

#include "common/conf_tree.h"
#include "common/directive.h"
#include "common/log.h"

struct generation;
struct module;

/* One block being loaded. Lives as long as the generation: servers, locations point to theirs. */
struct conf_scope {
    uint32_t kind;               /* IN_... */
    void **conf;                 /* conf[module->index]: the module's struct for this scope. Final
                                    once the block's plain directives are applied. Main-level and
                                    http-level modules share one array of indices */
    struct conf_scope *parent;   /* NULL at main */
    void *owner;                 /* struct http_server *, struct location *, struct upstream * ...:
                                    set by whoever opened the scope */
    const struct conf_node *node;
};

/* One occurrence of a directive, as an apply function sees it. */
struct conf_call {
    struct generation *gen;
    struct pool *pool;           /* the generation's */
    struct conf_scope *scope;
    const struct module *module;
    const struct directive *directive;
    const struct conf_node *node;
    const struct conf_word *args; /* words after the name */
    uint32_t count;              /* of args */
    void *conf;                  /* the module's struct in this scope, writable */
    bool first;                  /* first occurrence of this directive in this scope */
    void *inner_owner;           /* out: owner of the scope this directive opens */
    struct conf_scope *inner;    /* that scope itself, to keep a pointer to: its conf is filled in
                                    later, when the block is entered. NULL if it opens none */
};

/* The text of argument i (0 based); STR_NONE past the end. */
static inline struct str conf_arg(const struct conf_call *call, uint32_t i)
{
    return i < call->count ? call->args[i].text : STR_NONE;
}

/* Reports a fault at the directive (or at its argument `arg`, 0 based); always returns false. The
   text follows nginx's wording; the loader adds " in FILE:LINE:COL". */
bool conf_fail(struct conf_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool conf_fail_arg(struct conf_call *call, uint32_t arg, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same for a fault whose place is one of the block's own directives (types, map ...). */
bool conf_fail_in(struct conf_call *call, const struct conf_node *node, uint32_t word,
                  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A further hint for the fault just reported: printed in parentheses. */
bool conf_hint(struct conf_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The usual fault of argument i: no parameter of the directive, whose syntax is the hint. */
bool conf_fail_parameter(struct conf_call *call, uint32_t i);
void conf_warn(struct conf_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);
void conf_notice(struct conf_call *call, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Faults found after loading (a zone never defined, a name that does not resolve), at a place kept
   from before. */
bool conf_fail_at(struct generation *gen, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_warn_at(struct generation *gen, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A hint for the one of these just reported; false. */
bool conf_hint_at(struct generation *gen, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* "key=value" arguments: when argument i starts with `key` (which ends in '='), stores the rest. */
bool conf_arg_is(const struct conf_call *call, uint32_t i, const char *key, struct str *value);

/* A module's struct in a scope, for reading. */
#define CONF(scope, index, type) ((type *)(scope)->conf[index])

struct conf_options {
    const char *file;     /* absolute path of the main config file */
    struct str text;      /* when data is not NULL: the config itself, `file` being just its name */
    struct str globals;   /* -g directives, or STR_NONE */
    struct str prefix;    /* absolute, ends in '/' */
    bool testing;         /* -t: bind nothing, create nothing */
    bool color;           /* each fault is followed, after a newline, by its source line and a
                             caret: stderr is a terminal */
};

/*
 * Reads, parses and loads a configuration into gen (whose pool and prefix are set). Returns the
 * number of faults; each was reported to `report`, in the order of the files, without a newline at
 * its end. Warnings and notices are reported too, and not counted.
 */
typedef void conf_report_fn(void *arg, enum log_level level, const char *line);
unsigned conf_load(struct generation *gen, const struct conf_options *options,
                   conf_report_fn *report, void *arg);
