/*
 * common/conf_doc.h - what a directive's row says of it: arity, and its page of the reference.
 *
 * In `args`, [x] is optional (also several words), "..." after a word repeats it, "a|b" and "a | b"
 * are one word, " ;; " stands between two syntaxes, "{ }" at the end is a block. Brackets inside a
 * word ("address[:port]") do not count.
 */
#pragma once

#include <stdio.h>

#include "common/module.h"

#define CONF_ARGS_MANY UINT32_MAX

struct conf_arity {
    uint32_t min, max;  /* max may be CONF_ARGS_MANY */
    bool block;
};

struct conf_arity conf_arity(const char *args);

/* "http, server, location" */
size_t conf_contexts(uint32_t where, const char *separator, char *out, size_t room);
#define CONF_CONTEXTS_MAX 256

/* "name zone number;" or "name { ... }" at `out`. */
size_t conf_syntax(const struct directive *d, char *out, size_t room);

/* Everything about the directives of that name. False when there is none. */
bool conf_doc_print(FILE *out, struct str name);

/* The name of a directive that was probably meant, or NULL. */
const char *conf_doc_near(struct str name);

/* One line per row: module, its doc, name, contexts (|), args, initial, doc; tabs between. */
void conf_doc_dump(FILE *out);
