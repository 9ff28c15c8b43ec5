/*
 * common/regex_need.h - texts without which a regex cannot match.
 *
 * A group of texts is needed if every match contains at least one of them, letters taken in lower
 * case. What the reader of patterns does not know for certain it says nothing about: then nothing
 * is needed. Holds for patterns as regex_compile takes them, caseless or not.
 */
#pragma once

#include "common/pool.h"

#define NEED_TEXTS  32
#define NEED_GROUPS 4

struct need_text {
    struct str text;    /* in lower case (ASCII), not empty in a group */
    bool at_start;      /* the subject begins with it */
};

struct need {
    uint32_t count;
    struct need_text texts[NEED_TEXTS];
};

/* All groups found, at most NEED_GROUPS; the texts are in the pool. The pattern is a valid one. */
uint32_t regex_need(struct pool *pool, struct str pattern, struct need *groups);
