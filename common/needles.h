/*
 * common/needles.h - which of many texts occur in one, found in a single pass.
 *
 * The time depends on the length of what is searched, not on how many texts are looked for. Case
 * does not count (ASCII).
 */
#pragma once

#include "common/pool.h"

struct needle {
    struct str text;    /* in lower case, not empty */
    bool at_start;      /* counts only where what is searched begins with it */
    uint32_t id;        /* may be shared by several */
};

struct needles;

/* Lives in the pool; the list, which is sorted, and its texts must live as long. */
struct needles *needles_build(struct pool *pool, struct needle *list, uint32_t count);

/* Sets bit `id` of *found for each needle that occurs in the text; other bits stay. */
void needles_find(const struct needles *needles, struct str text, uint64_t *found);
