/*
 * common/regex_set.h - many regexes asked in order of writing, without running most of them.
 *
 * A pick gives, in order, those that may match a subject: every one that does is among them. Left
 * out are those that need a text which the subject has not, found in one pass over it whatever
 * their number. The caller runs regex_match on each pick until one matches.
 */
#pragma once

#include "common/array.h"
#include "common/regex.h"

#define REGEX_BLOCK 2048 /* regexes that one pass is for */

struct regex_set {
    struct pool *pool;
    struct array regexes;   /* const struct regex * */
    struct array blocks;    /* of REGEX_BLOCK regexes each */
};

struct regex_pick {
    const struct regex_set *set;
    struct str subject;
    uint32_t next;                          /* the first that was not looked at */
    uint64_t may_match[REGEX_BLOCK / 64];   /* of the block that `next` lies in */
};

/* Config time. The set lives in the pool; regex_set_build is called once, after the last add. */
void regex_set_init(struct regex_set *set, struct pool *pool);
void regex_set_add(struct regex_set *set, const struct regex *regex);
void regex_set_build(struct regex_set *set);

/* Run time. The subject must live as long as the pick. */
static inline void regex_pick_init(struct regex_pick *pick, const struct regex_set *set,
                                   struct str subject)
{
    pick->set = set;
    pick->subject = subject;
    pick->next = 0;
}

/* The number, in order of adding, of the next one that may match; -1 after the last. */
int64_t regex_pick_next(struct regex_pick *pick);
