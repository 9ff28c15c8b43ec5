/*
 * worker/codec/text_set.h - several texts looked for at once, whatever the case of ASCII letters,
 * in bytes that come piece by piece.
 *
 * The search looks at the bytes where the shortest of the texts would end, and skips as far as no
 * text can begin (Wu and Manber's way): a part of the bytes is never read.
 */
#pragma once

#include "common/pool.h"

struct text_set;

#define TEXT_SET_MOST 65535 /* texts in a set */

/* None of the texts is empty, and there is at least one. They are copied. */
struct text_set *text_set_build(struct pool *pool, const struct str *texts, uint32_t count);

/* Bytes of the longest of them. */
size_t text_set_longest(const struct text_set *set);

enum text_answer {
    TEXT_FOUND, /* `index` begins at `at`, and none begins before */
    TEXT_MORE,  /* none begins before `at`, but one may there: its end has not come yet */
    TEXT_NONE,  /* there is none */
};

struct text_hit {
    size_t at;
    uint32_t index;
    size_t len;
};

/*
 * The first text in `s`; of those that begin at the same byte the one with the lowest index. With
 * `last` nothing follows on `s` (never TEXT_MORE), else something may (TEXT_NONE only if not even
 * its last byte could begin one: at is s.len). `skip`, if not NULL, has a bit for each index that
 * is not looked for.
 */
enum text_answer text_set_find(const struct text_set *set, struct str s, bool last,
                               const uint64_t *skip, struct text_hit *hit);

static inline bool text_skip_has(const uint64_t *skip, uint32_t index)
{
    return skip != NULL && (skip[index / 64] >> index % 64 & 1) != 0;
}
