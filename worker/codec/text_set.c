/*
 * worker/codec/text_set.c - several texts looked for at once.
 */
#include "worker/codec/text_set.h"

#define TABLE_LEAST 256
#define TABLE_MOST  65536
#define SHIFT_MOST  255

struct text {
    struct str text;    /* in lower case */
    uint32_t next;      /* 1 + index of the next with the same last block; 0: none */
};

struct text_set {
    struct text *texts;
    uint32_t count;
    uint32_t mask;      /* of the tables */
    size_t shortest, longest;
    size_t block;       /* bytes that are looked at: 2, or 1 if a text has no more */
    uint8_t *shifts;    /* by block: how far from it a text may end at the soonest */
    uint32_t *firsts;   /* by block, where the shift is 0: 1 + index of the first text */
};

/* Case is of no account here, and so are a few other differences. */
static inline uint32_t block_key(const struct text_set *set, const char *end)
{
    uint32_t key = (uint8_t)end[-1] | 0x20u;

    if (set->block == 2)
        key ^= ((uint8_t)end[-2] | 0x20u) << 5;
    return key & set->mask;
}

static void measure(struct text_set *set)
{
    size_t size = TABLE_LEAST;

    set->shortest = set->longest = set->texts[0].text.len;
    for (uint32_t i = 1; i < set->count; i++) {
        set->shortest = MIN(set->shortest, set->texts[i].text.len);
        set->longest = MAX(set->longest, set->texts[i].text.len);
    }
    set->block = set->shortest > 1 ? 2 : 1;
    while (size < TABLE_MOST && size / 8 < set->count * MIN(set->shortest, SHIFT_MOST))
        size *= 2;
    set->mask = (uint32_t)size - 1;
}

static void enter_shifts(struct text_set *set)
{
    size_t most = set->shortest - set->block + 1;

    memset(set->shifts, (int)MIN(most, SHIFT_MOST), set->mask + 1);
    for (uint32_t i = 0; i < set->count; i++) {
        for (size_t end = set->block; end <= set->shortest; end++) {
            uint8_t *shift = &set->shifts[block_key(set, set->texts[i].text.data + end)];

            *shift = (uint8_t)MIN(*shift, set->shortest - end);
        }
    }
}

/* From the last to the first, so that lists are in order. */
static void enter_firsts(struct text_set *set)
{
    for (uint32_t i = set->count; i-- > 0;) {
        uint32_t *first =
            &set->firsts[block_key(set, set->texts[i].text.data + set->shortest)];

        set->texts[i].next = *first;
        *first = i + 1;
    }
}

struct text_set *text_set_build(struct pool *pool, const struct str *texts, uint32_t count)
{
    struct text_set *set = pool_zalloc(pool, sizeof(*set));

    set->texts = pool_zalloc(pool, count * sizeof(*set->texts));
    set->count = count;
    for (uint32_t i = 0; i < count; i++) {
        char *copy = pool_bytes(pool, texts[i].len);

        for (size_t k = 0; k < texts[i].len; k++)
            copy[k] = ascii_lower(texts[i].data[k]);
        set->texts[i].text = (struct str){copy, texts[i].len};
    }
    measure(set);
    set->shifts = pool_alloc(pool, set->mask + 1);
    set->firsts = pool_zalloc(pool, (set->mask + 1) * sizeof(*set->firsts));
    enter_shifts(set);
    enter_firsts(set);
    return set;
}

size_t text_set_longest(const struct text_set *set)
{
    return set->longest;
}

/* How many of the first bytes are those of `text`, at most all of either. */
static size_t common_length(struct str s, struct str text)
{
    size_t len = MIN(s.len, text.len), i = 0;

    while (i < len && ascii_lower(s.data[i]) == text.data[i])
        i++;
    return i;
}

/* Whether one begins at `at`. */
static enum text_answer try_at(const struct text_set *set, struct str s, size_t at, bool last,
                               const uint64_t *skip, struct text_hit *hit)
{
    uint32_t i = set->firsts[block_key(set, s.data + at + set->shortest)];
    struct str rest = str_from(s, at);

    for (; i > 0; i = set->texts[i - 1].next) {
        struct str text = set->texts[i - 1].text;
        size_t same;

        if (text_skip_has(skip, i - 1))
            continue;
        same = common_length(rest, text);
        if (same < text.len && (last || same < rest.len))
            continue;
        *hit = (struct text_hit){at, i - 1, text.len};
        return same == text.len ? TEXT_FOUND : TEXT_MORE;
    }
    return TEXT_NONE;
}

/* Whether bytes that are too few for any text are the beginning of one. */
static bool may_begin(const struct text_set *set, struct str rest, const uint64_t *skip)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (!text_skip_has(skip, i) && common_length(rest, set->texts[i].text) == rest.len)
            return true;
    return false;
}

enum text_answer text_set_find(const struct text_set *set, struct str s, bool last,
                               const uint64_t *skip, struct text_hit *hit)
{
    size_t at = 0, shortest = set->shortest;
    enum text_answer answer;

    while (at + shortest <= s.len) {
        size_t shift = set->shifts[block_key(set, s.data + at + shortest)];

        if (likely(shift > 0)) {
            at += shift;
            continue;
        }
        answer = try_at(set, s, at, last, skip, hit);
        if (answer != TEXT_NONE)
            return answer;
        at++;
    }
    while (!last && at < s.len && !may_begin(set, str_from(s, at), skip))
        at++;
    hit->at = last ? s.len : MIN(at, s.len);
    return hit->at < s.len ? TEXT_MORE : TEXT_NONE;
}
