/*
 * common/var.h - variables: a table of names per generation, values per request or session.
 *
 * A name is resolved to an index once, at load; at run time a value is found by index in an array
 * that the scope (net/scope.h) holds. http and stream each have a table of their own.
 */
#pragma once

#include "common/array.h"

struct scope;
struct conf_node;
struct growing_map;

struct var_value {
    const char *data;
    uint32_t len;
    uint8_t state;      /* VAR_... */
    uint8_t uncached;   /* computed anew at each read */
    uint16_t reserved;
};

enum { VAR_UNREAD = 0, VAR_FOUND, VAR_NOT_FOUND };

/* Fills *out (state and text). The text lives as long as the scope's pool, or the program. */
typedef void var_get_fn(struct scope *scope, struct var_value *out, uintptr_t data);
/* Takes a new value, from `set` and friends. */
typedef void var_set_fn(struct scope *scope, const struct var_value *value, uintptr_t data);

enum {
    VAR_CHANGEABLE = 1, /* `set`, `map` and others may define it anew */
    VAR_NO_CACHE = 2,   /* computed at each read */
    VAR_PREFIX = 4,     /* "http_": any name that starts so; data is the full name (struct str *) */
};

struct var_def {
    const char *name;   /* NULL ends a table */
    var_get_fn *get;
    var_set_fn *set;    /* NULL: an ordinary slot */
    uintptr_t data;
    uint32_t flags;
};

struct var {
    struct str name;
    var_get_fn *get;
    var_set_fn *set;
    uintptr_t data;
    uint32_t flags;
    uint32_t index;
    bool defined;       /* by a module or the config; else someone only used its name so far */
    const struct conf_node *place; /* where it was first named; NULL: by a module */
};

struct var_table {
    struct pool *pool;
    struct array vars;      /* struct var *, by index */
    struct array prefixes;  /* const struct var_def *: those with VAR_PREFIX */
    struct growing_map *by_name; /* see var.c */
    const struct conf_node *place; /* the directive being applied */
    size_t checked;         /* vars that var_table_finish has looked at */
};

void var_table_init(struct var_table *t, struct pool *pool);

/* Adds a module's names. Names not used by the config get no index and cost nothing. */
void var_table_add(struct var_table *t, const struct var_def *defs, size_t count);

/* The index of a name (without $, case does not count), made on first use. Whether it is defined at
   all is checked when loading ends. */
uint32_t var_use(struct var_table *t, struct str name);

/* At run time: what a name in lower case stands for, which the config may not have used; *unused is
   then filled in (it has no index; `name` must live as long as it) and returned. NULL: nothing. */
const struct var *var_find(const struct var_table *t, struct str name, struct var *unused);

/* The name that was probably meant by one that is missing, or NULL. */
const char *var_table_near(const struct var_table *t, struct str name);

/* Defines a name from the config (map, geo, set ...). NULL if it exists and is not changeable; a
   changeable one comes as it is, `set` and all, to be written over. */
struct var *var_define(struct var_table *t, struct str name, uint32_t flags);

/* The same for a name that `set` gives a value to: one of a family ($arg_x) keeps its meaning where
   it is not set. */
struct var *var_settable(struct var_table *t, struct str name);

/* The next used name that has no definition, or NULL. Call until NULL to list them all. */
const struct var *var_table_missing(struct var_table *t);
