/*
 * t/unit/codec/text_set_model.h - a search that tries every text at every byte, and whether the
 * other one agrees with it.
 */
#pragma once

#include "worker/codec/text_set.h"

static inline bool same_text(struct str s, struct str text)
{
    return s.len >= text.len && str_eq_nocase((struct str){s.data, text.len}, text);
}

static inline bool begins(struct str s, struct str text)
{
    return s.len < text.len && str_eq_nocase(s, (struct str){text.data, s.len});
}

static inline enum text_answer plainly(const struct str *texts, uint32_t count, struct str s,
                                       bool last, const uint64_t *skip, struct text_hit *hit)
{
    for (hit->at = 0; hit->at < s.len; hit->at++) {
        for (uint32_t i = 0; i < count; i++) {
            struct str rest = str_from(s, hit->at);

            if (text_skip_has(skip, i))
                continue;
            hit->index = i;
            hit->len = texts[i].len;
            if (same_text(rest, texts[i]))
                return TEXT_FOUND;
            if (!last && begins(rest, texts[i]))
                return TEXT_MORE;
        }
    }
    return TEXT_NONE;
}

static inline bool agrees(struct pool *pool, const struct str *texts, uint32_t count, struct str s)
{
    struct text_set *set = text_set_build(pool, texts, count);
    static const uint64_t skips[] = {0, 1, 2, 5, 0xff};

    for (size_t from = 0; from <= s.len; from++) {
        for (size_t i = 0; i < 2 * COUNT(skips); i++) {
            const uint64_t *skip = i < 2 ? NULL : &skips[i / 2];
            struct text_hit got = {0}, want = {0};
            struct str part = str_from(s, from);
            enum text_answer answer = plainly(texts, count, part, i % 2, skip, &want);

            if (text_set_find(set, part, i % 2, skip, &got) != answer || got.at != want.at ||
                (answer == TEXT_FOUND && (got.index != want.index || got.len != want.len)))
                return false;
        }
    }
    return true;
}
