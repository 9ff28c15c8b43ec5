/*
 * common/directive.h - one row per directive: its syntax, types, inheritance, default and text.
 *
 * The loader walks these tables. A module writes rows and, where a plain field is not enough, an
 * apply function; it never writes code that creates, inherits or merges configuration.
 *
 * How a scope gets its values. A scope is a block that holds directives of modules: main, events,
 * http, server, location, if, limit_except, upstream, stream ... Each module has at most one struct
 * of conf_size bytes per scope. The struct of an inner scope starts as a copy of the enclosing
 * scope's finished one (or is shared with it when the inner scope sets nothing of that module); the
 * top scope's starts from the `initial` texts. All plain directives of a block are applied before
 * any of its inner scopes is entered, so order inside a block never matters for inheritance.
 */
#pragma once

#include "common/str.h"

/* Where a directive may stand. */
enum {
    IN_MAIN          = 1 << 0,
    IN_EVENTS        = 1 << 1,
    IN_HTTP          = 1 << 2,
    IN_SERVER        = 1 << 3,
    IN_LOCATION      = 1 << 4,
    IN_SERVER_IF     = 1 << 5,
    IN_LOCATION_IF   = 1 << 6,
    IN_LIMIT_EXCEPT  = 1 << 7,
    IN_UPSTREAM      = 1 << 8,
    IN_STREAM        = 1 << 9,
    IN_STREAM_SERVER = 1 << 10,
    IN_STREAM_UPSTREAM = 1 << 11,
    IN_MAIL          = 1 << 12,
    IN_MAIL_SERVER   = 1 << 13,
    IN_ANY           = 1 << 14, /* include */
};
#define IN_WEB (IN_HTTP | IN_SERVER | IN_LOCATION)
#define IN_WEB_IF (IN_WEB | IN_LOCATION_IF)

/* What the loader itself can store. The field's C type stands beside each. */
enum value_kind {
    VALUE_NONE = 0,
    VALUE_FLAG,     /* bool: on | off */
    VALUE_INT,      /* int64_t, within min..max */
    VALUE_SIZE,     /* int64_t bytes: k m g */
    VALUE_OFF_SIZE, /* int64_t bytes, "off" stores 0 */
    VALUE_MS,       /* int64_t milliseconds; bare numbers are seconds */
    VALUE_SEC,      /* int64_t seconds */
    VALUE_STR,      /* struct str, as written */
    VALUE_PATH,     /* struct str, made absolute against the prefix */
    VALUE_CONF_PATH,/* struct str, made absolute against the config file's directory */
    VALUE_TEMPLATE, /* struct template *: text with variables, compiled */
    VALUE_ENUM,     /* int64_t: one word of .words */
    VALUE_BITS,     /* int64_t: one or more words of .words, or-ed; over all lines with .repeat */
    VALUE_REGEX,    /* struct regex *: a pattern, "~" or "~*" (no case) in front if wished */
    VALUE_BUFS,     /* struct buf_count: "number size" */
};

struct buf_count {
    int64_t number;
    int64_t bytes;
};

struct word {
    const char *text; /* NULL ends a table */
    int64_t value;
};

struct conf_call;

/* Applies one occurrence. Reports faults through conf_fail (conf_load.h), which returns false. */
typedef bool apply_fn(struct conf_call *call);

struct directive {
    const char *name;
    uint32_t where;         /* IN_... */
    const char *args;       /* syntax after the name, and the arity: see conf_doc.h. "" for none;
                               "{ }" at its end means a block follows. [x] is optional, "..." after
                               a word means one or more, "on|off" are literal choices. */
    const char *initial;    /* config text of the default, NULL: zero. Stored when the top scope
                               (main for FAMILY_CORE, http for FAMILY_HTTP ...) is entered;
                               `apply` runs for it after that scope's own directives, unless one
                               of them set it. A raw block's is "{ ... }" */
    const char *doc;        /* one or two sentences */

    enum value_kind value;  /* stored by the loader at `field`, or VALUE_NONE with `apply` */
    uint32_t field;         /* FIELD(struct x_conf, member). With VALUE_NONE and repeat or local
                               the member is a pointer */
    int64_t min, max;       /* for INT, SIZE, MS ...; both 0: no negative, no other limit */
    const struct word *words;

    apply_fn *apply;        /* what to do beyond storing; runs after the store if both are given */
    bool repeat;            /* may occur more than once in a scope. The pointer at `field` (if any)
                               is zeroed before the first occurrence in a scope, so that inner
                               scopes replace and do not extend what they inherit */
    bool local;             /* not inherited: zero in inner scopes that do not set it */
    bool into_if;           /* with local: inherited all the same by `if` and `limit_except`, whose
                               scopes belong to the same location */
    bool raw_block;         /* the block is the directive's own data (types, map, geo): `apply`
                               walks call->node->children itself */
    uint32_t opens;         /* the block is a scope of this kind, IN_...: the loader enters it. If
                               `apply` is given it runs first and must set call->inner_owner */
    const char *notice;     /* accepted, but pointless here; says why at -t as [notice]:
                               "NAME" has no effect here: NOTICE */
};

/* Offset + 1, so that 0 means "no field". */
#define FIELD(type, member) ((uint32_t)offsetof(type, member) + 1)
#define TABLE(rows)         rows, COUNT(rows)
