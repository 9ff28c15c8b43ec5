/*
 * common/regex.h - Perl-compatible regular expressions, compiled to machine code at load.
 *
 * One match at a time per process: the captures of the last match lie in memory that the next one
 * overwrites.
 */
#pragma once

#include "common/pool.h"

struct regex_name {
    struct str name;
    uint32_t group;
};

struct regex {
    void *code;                      /* pcre2_code */
    struct str pattern;              /* as written */
    bool nocase;
    bool fast;                       /* may skip the library's checks of its arguments */
    uint32_t groups;                 /* pairs of captures, the whole match included */
    uint32_t name_count;
    const struct regex_name *names;  /* named groups, in order of group number */
};

struct regex_error {
    char text[160];
    size_t offset;                   /* in the pattern */
};

/* Lives as long as the pool. NULL with *error set when the pattern is faulty. */
struct regex *regex_compile(struct pool *pool, struct str pattern, bool nocase,
                            struct regex_error *error);

/* The number of capture pairs set (1 or more), 0 when there is no match, below 0 when matching was
   given up (too much backtracking): see regex_failure. */
int regex_match(const struct regex *re, struct str subject);

/* Of the last match: start and end offsets into its subject, SIZE_MAX for a group that took no
   part. Only the pairs that regex_match counted are set. Valid until the next match. */
const size_t *regex_captures(void);

/* Group i of the last match, STR_NONE if it took no part. `pairs` is what regex_match returned. */
struct str regex_group(struct str subject, int pairs, uint32_t i);

/* A text for what regex_match returned below 0. */
const char *regex_failure(int result);
