/*
 * worker/net/scope_regex.h - regexes of a configuration whose captures a scope can read: $1 to $9,
 * and variables named after groups.
 */
#pragma once

#include "common/conf_load.h"
#include "common/regex_set.h"
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

/* Several, of which the first in order of adding that matches counts. Most are never run: see
   common/regex_set.h. */
struct scope_regex_set {
    struct regex_set set;
    struct array regexes;   /* const struct scope_regex * */
};

/* Config time: _build is called once, after the last _add. */
void scope_regex_set_init(struct scope_regex_set *set, struct pool *pool);
void scope_regex_set_add(struct scope_regex_set *set, const struct scope_regex *regex);
void scope_regex_set_build(struct scope_regex_set *set);

/* Run time: as scope_regex_match with each in turn. The number of the one that matched, or -1. */
int64_t scope_regex_set_match(struct scope *scope, const struct scope_regex_set *set,
                              struct str subject);
