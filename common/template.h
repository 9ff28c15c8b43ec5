/*
 * common/template.h - text with variables, compiled once: "$scheme://$host/${arg_x}-$1".
 *
 * $1 to $9 are captures of the scope's last regex match. A template without variables is a constant
 * and evaluating it costs a test.
 */
#pragma once

#include "common/var.h"

struct template_part {
    struct str text;   /* literal when kind is PART_TEXT */
    uint32_t index;    /* variable index, or capture number */
    enum { PART_TEXT, PART_VAR, PART_CAPTURE } kind;
};

struct template {
    struct str source; /* as written */
    bool constant;     /* then `source` is also the value ("$$" does not exist in nginx) */
    uint32_t count;
    struct template_part *parts;
};

/* Compiles `text` against the table; *why is a message ("invalid variable name") when NULL comes
   back. Whether a text has variables at all: template_has_vars. */
struct template *template_compile(struct pool *pool, struct var_table *vars, struct str text,
                                  const char **why);
bool template_has_vars(struct str text);
