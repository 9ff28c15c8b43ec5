/*
 * common/conf_env.h - ${env:NAME} and ${env:NAME:-default} in a word of a configuration.
 *
 * The value is taken when the word is read and becomes part of it as it is: nothing in it ends the
 * word or is an escape. The default, which may hold anything but a }, stands in for a variable that
 * is not set or is empty. A backslash in front of the $ leaves all as written.
 */
#pragma once

#include "common/pool.h"

struct conf_env_fault {
    const char *what;  /* a text in the pool; NULL: none */
    const char *hint;  /* or NULL */
    const char *at;    /* in the word */
};

/* The next reference at or behind `from`, or `end`. */
const char *conf_env_find(const char *from, const char *end);

/* `*at` is a reference: its value, and `*at` is moved behind it (to `end` after a fault). */
struct str conf_env_value(struct pool *pool, const char **at, const char *end,
                          struct conf_env_fault *fault);
