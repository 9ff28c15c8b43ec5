/*
 * worker/net/scope_regex.h - regexes of a configuration whose captures a scope can read: $1 to $9,
 * and variables named after groups.
 */
#pragma once

#include "common/conf_load.h"
#include "common/regex.h"
#include "worker/net/scope.h"

struct scope_regex {
    struct regex *regex;
    uint32_t *vars;     /* variable index of each of regex->names */
};

/* Config time: compiles; NULL after conf_fail_arg at argument `arg`. Named groups become variables
   of the family's table (http or stream, as the scope's kind says). */
struct scope_regex *scope_regex_load(struct conf_call *call, uint32_t arg, struct str pattern,
                                     bool nocase);

/* Run time: on a match keeps the captures in the scope (the subject must live as long) and sets the
   named variables. Allocates only when the pattern has groups. Without a scope it only says whether
   there is a match. */
bool scope_regex_match(struct scope *scope, const struct scope_regex *regex, struct str subject);
