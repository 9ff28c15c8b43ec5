/*
 * worker/net/scope.h - what an http request and a stream session have in common: the connection, a
 * pool, a log, and values of variables.
 */
#pragma once

#include "common/template.h"
#include "common/var.h"
#include "worker/net/conn.h"

struct scope {
    struct conn *conn;              /* NULL in a dry run */
    const struct addr *client;      /* who it comes from in truth (realip); NULL: the conn's peer */
    struct pool *pool;
    struct pool *shared;            /* NULL, or that of the request which this is a part of: values
                                       are its too, and outlive `pool` */
    struct log *log;
    void **conf;                    /* conf[module index] of where it is now */
    const struct var_table *vars;
    struct var_value *values;       /* one per index of vars; NULL until the first read */

    /* The last regex match: offsets into capture_text, pairs, as PCRE2 gives them. */
    struct str capture_text;
    const size_t *captures;
    uint32_t capture_count;         /* pairs, the whole match included */
};

/* The client's address. False in a dry run that names none. */
bool scope_client(const struct scope *s, struct addr *out);

/* The value by index: computed at first read and kept, unless uncacheable. Never NULL. */
const struct var_value *scope_var(struct scope *s, uint32_t index);

/* Computed anew even if kept. */
const struct var_value *scope_var_flushed(struct scope *s, uint32_t index);

/* By a name in lower case that is known only now (in a page). False when nothing has that name. */
bool scope_var_named(struct scope *s, struct str name, struct var_value *out);

/* Stores a value (`set`, captures). */
void scope_set(struct scope *s, uint32_t index, struct str value);

/* The text of a template, in the scope's pool unless constant. Missing variables are empty. */
struct str scope_eval(struct scope *s, const struct template *t);

/* $0..$9 of the last match; empty when there is none. */
struct str scope_capture(const struct scope *s, uint32_t number);

static inline struct str var_str(const struct var_value *v)
{
    return (struct str){v->data, v->state == VAR_FOUND ? v->len : 0};
}

/* For getters. */
static inline void var_found(struct var_value *out, struct str text)
{
    out->data = text.data;
    out->len = (uint32_t)text.len;
    out->state = VAR_FOUND;
}

static inline void var_missing(struct var_value *out)
{
    out->len = 0;
    out->state = VAR_NOT_FOUND;
}
