/*
 * common/needles.c - the automaton of Aho and Corasick (CACM, June 1975).
 *
 * A state stands for what was just read: the longest end of it with which a needle begins. States
 * are numbered breadth-first, so the children of one follow each other; with the needles sorted, a
 * state is a range of them that begin alike.
 */
#include "common/needles.h"

#include <stdlib.h>

struct state {
    uint32_t first_child;
    uint32_t child_count;
    uint32_t shorter;       /* the state for the longest proper end of what this one stands for */
    uint32_t hit;           /* itself if a needle ends here, else the next shorter one; or 0 */
    uint32_t first;         /* of the needles in its range; those that end here come first */
    uint32_t end_count;     /* of needles that end here */
    uint32_t range_count;
    uint32_t depth;
};

struct needles {
    const struct needle *list;
    struct state *states;   /* 0 is the root */
    char *bytes;            /* that lead to each state */
    uint32_t from_root[256];
};

static int by_text(const void *a, const void *b)
{
    return str_cmp(((const struct needle *)a)->text, ((const struct needle *)b)->text);
}

static uint32_t find_child(const struct needles *n, uint32_t at, char byte)
{
    const struct state *s = &n->states[at];

    if (at == 0)
        return n->from_root[(uint8_t)byte];
    for (uint32_t i = s->first_child; i < s->first_child + s->child_count; i++)
        if (n->bytes[i] == byte)
            return i;
    return 0;
}

/* The state after one more byte. */
static inline uint32_t follow(const struct needles *n, uint32_t at, char byte)
{
    uint32_t next;

    while ((next = find_child(n, at, byte)) == 0 && at != 0)
        at = n->states[at].shorter;
    return next;
}

/* Parts what is longer in a state's range by its next byte; the number of states grows. */
static uint32_t add_children(struct needles *n, uint32_t at, uint32_t count)
{
    struct state *s = &n->states[at];
    uint32_t i = s->first, end = s->first + s->range_count;

    while (i < end && n->list[i].text.len == s->depth)
        i++;
    s->end_count = i - s->first;
    s->first_child = count;
    while (i < end) {
        char byte = n->list[i].text.data[s->depth];
        uint32_t from = i;

        while (i < end && n->list[i].text.data[s->depth] == byte)
            i++;
        n->bytes[count] = byte;
        n->states[count] = (struct state){.first = from, .range_count = i - from,
                                          .depth = s->depth + 1};
        if (at == 0)
            n->from_root[(uint8_t)byte] = count;
        count++;
    }
    s->child_count = count - s->first_child;
    return count;
}

/* A shorter state has a lower number, so it is complete before it is asked. */
static void link_children(struct needles *n, uint32_t at)
{
    const struct state *s = &n->states[at];

    for (uint32_t i = s->first_child; i < s->first_child + s->child_count; i++)
        n->states[i].shorter = at == 0 ? 0 : follow(n, s->shorter, n->bytes[i]);
}

struct needles *needles_build(struct pool *pool, struct needle *list, uint32_t count)
{
    struct needles *n = pool_zalloc(pool, sizeof(*n));
    size_t most = 1;
    uint32_t states = 1;

    qsort(list, count, sizeof(*list), by_text);
    for (uint32_t i = 0; i < count; i++)
        most += list[i].text.len;
    n->list = list;
    n->states = pool_zalloc(pool, most * sizeof(*n->states));
    n->bytes = pool_bytes(pool, most);
    n->states[0].range_count = count;
    for (uint32_t i = 0; i < states; i++) {
        states = add_children(n, i, states);
        link_children(n, i);
        n->states[i].hit = n->states[i].end_count > 0 ? i : n->states[n->states[i].shorter].hit;
    }
    return n;
}

/* Notes the needles that end in this state, `read` bytes from the start. */
static void note(const struct needles *n, const struct state *s, size_t read, uint64_t *found)
{
    for (uint32_t i = s->first; i < s->first + s->end_count; i++) {
        const struct needle *needle = &n->list[i];

        if (!needle->at_start || needle->text.len == read)
            found[needle->id / 64] |= (uint64_t)1 << needle->id % 64;
    }
}

void needles_find(const struct needles *n, struct str text, uint64_t *found)
{
    const struct state *states = n->states;
    uint32_t at = 0;

    for (size_t i = 0; i < text.len; i++) {
        at = follow(n, at, ascii_lower(text.data[i]));
        for (uint32_t hit = states[at].hit; hit != 0; hit = states[states[hit].shorter].hit)
            note(n, &states[hit], i + 1, found);
    }
}
