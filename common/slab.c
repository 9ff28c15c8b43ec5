/*
 * common/slab.c - an allocator inside a zone, which a process may leave at any instruction.
 *
 * Every change has one store that makes it so, the commit; what must be in memory before or after
 * it is kept apart by fence(). Pages in the making are recognisable as such: a page of a class
 * without a bit is free, so are pages SLAB_RUN_REST that no run before them covers.
 */
#include "common/slab.h"

#include <stdatomic.h>
#include <string.h>

#define NONE        SLAB_NO_PAGE
#define QUICK_TRIES 8 /* runs looked at in the bin that may hold a fitting one */

static const uint16_t class_bytes[SLAB_CLASSES] = {
    32,  48,  64,  80,  96,  112, 128, 160, 192,  224, 256,
    320, 384, 448, 512, 576, 672, 816, 1024, 1360, 2048,
};

/* The class by (bytes + 15) / 16. */
static const uint8_t class_by_size[SLAB_SMALL_MAX / 16 + 1] = {
    [0 ... 2] = 0,     [3] = 1,           [4] = 2,           [5] = 3,           [6] = 4,
    [7] = 5,           [8] = 6,           [9 ... 10] = 7,    [11 ... 12] = 8,   [13 ... 14] = 9,
    [15 ... 16] = 10,  [17 ... 20] = 11,  [21 ... 24] = 12,  [25 ... 28] = 13,  [29 ... 32] = 14,
    [33 ... 36] = 15,  [37 ... 42] = 16,  [43 ... 51] = 17,  [52 ... 64] = 18,  [65 ... 85] = 19,
    [86 ... 128] = 20,
};

/* Stores before it are in memory before those after it, as far as the death of this process goes:
   the compiler must not swap them; the processor shows them in order to whoever gets the lock. */
static inline void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

uint32_t slab_class_bytes(unsigned class)
{
    return class_bytes[class];
}

uint32_t slab_class_slots(unsigned class)
{
    return SLAB_PAGE / class_bytes[class];
}

static inline bool is_small(const struct slab_page *p)
{
    return p->kind >= SLAB_SMALL;
}

static inline unsigned class_of(const struct slab_page *p)
{
    return p->kind - (unsigned)SLAB_SMALL;
}

/* Lists, all derived ------------------------------------------------------------------------- */

static void link_page(struct slab *s, uint32_t *list, uint32_t i)
{
    s->page[i].prev = NONE;
    s->page[i].next = *list;
    if (*list != NONE)
        s->page[*list].prev = i;
    *list = i;
}

static void unlink_page(struct slab *s, uint32_t *list, uint32_t i)
{
    const struct slab_page *p = &s->page[i];

    if (p->prev == NONE)
        *list = p->next;
    else
        s->page[p->prev].next = p->next;
    if (p->next != NONE)
        s->page[p->next].prev = p->prev;
}

static void link_run(struct slab *s, uint32_t i, uint32_t pages)
{
    unsigned bin = slab_bin(pages);

    s->page[i].run = pages;
    s->page[i + pages - 1].run = pages;
    link_page(s, &s->bins[bin], i);
    s->bin_mask |= BIT(bin);
    s->pages_free += pages;
}

static void unlink_run(struct slab *s, uint32_t i)
{
    uint32_t pages = s->page[i].run;
    unsigned bin = slab_bin(pages);

    unlink_page(s, &s->bins[bin], i);
    if (s->bins[bin] == NONE)
        s->bin_mask &= ~BIT(bin);
    s->pages_free -= pages;
}

/* Runs of pages ------------------------------------------------------------------------------- */

static uint32_t search_bin(const struct slab *s, unsigned bin, uint32_t pages, uint32_t tries)
{
    uint32_t i = s->bins[bin];

    while (i != NONE && s->page[i].run < pages)
        i = tries-- > 0 ? s->page[i].next : NONE;
    return i;
}

/* Any run in a higher bin fits; those in its own may or may not, and are all looked at only when
   nothing else is left. */
static uint32_t find_run(const struct slab *s, uint32_t pages)
{
    unsigned bin = slab_bin(pages);
    uint32_t i = search_bin(s, bin, pages, QUICK_TRIES);
    uint32_t higher = bin + 1 < SLAB_BINS ? s->bin_mask >> (bin + 1) : 0;

    if (i != NONE)
        return i;
    if (higher != 0)
        return s->bins[bin + 1 + (unsigned)__builtin_ctz(higher)];
    return search_bin(s, bin, pages, UINT32_MAX);
}

/* The first pages of a free run, no longer in a list but still SLAB_FREE. */
static uint32_t take_pages(struct slab *s, uint32_t pages)
{
    uint32_t i = find_run(s, pages);
    uint32_t run;

    if (i == NONE)
        return NONE;
    run = s->page[i].run;
    unlink_run(s, i);
    if (run > pages)
        link_run(s, i + pages, run - pages);
    return i;
}

/* Pages that are SLAB_FREE join the free runs beside them. */
static void give_pages(struct slab *s, uint32_t i, uint32_t pages)
{
    uint32_t end = i + pages;
    uint32_t before;

    if (end < s->pages && s->page[end].kind == SLAB_FREE) {
        pages += s->page[end].run;
        unlink_run(s, end);
    }
    if (i > 0 && s->page[i - 1].kind == SLAB_FREE) {
        before = s->page[i - 1].run;
        i -= before;
        pages += before;
        unlink_run(s, i);
    }
    link_run(s, i, pages);
}

static uint64_t page_offset(const struct slab *s, uint32_t i)
{
    return s->first + (uint64_t)i * SLAB_PAGE;
}

static uint64_t alloc_run(struct slab *s, size_t bytes)
{
    uint32_t pages, i = NONE;

    s->run_reqs++;
    if (bytes <= (uint64_t)s->pages * SLAB_PAGE) {
        pages = (uint32_t)((bytes + SLAB_PAGE - 1) / SLAB_PAGE);
        i = take_pages(s, pages);
    }
    if (i == NONE) {
        s->run_fails++;
        return 0;
    }
    for (uint32_t rest = 1; rest < pages; rest++)
        s->page[i + rest].kind = SLAB_RUN_REST;
    s->page[i].run = pages;
    fence();
    s->page[i].kind = SLAB_RUN; /* commit */
    return page_offset(s, i);
}

static void free_run(struct slab *s, uint32_t i)
{
    uint32_t pages = s->page[i].run;

    s->page[i].kind = SLAB_FREE; /* commit */
    fence();
    for (uint32_t rest = 1; rest < pages; rest++)
        s->page[i + rest].kind = SLAB_FREE;
    give_pages(s, i, pages);
}

/* Small objects ------------------------------------------------------------------------------- */

static uint32_t open_page(struct slab *s, unsigned class)
{
    uint32_t i = take_pages(s, 1);
    struct slab_page *p;

    if (i == NONE)
        return NONE;
    p = &s->page[i];
    p->bits[0] = p->bits[1] = 0;
    p->used = 0;
    fence();
    p->kind = (uint8_t)(SLAB_SMALL + class);
    fence();
    s->classes[class].pages++;
    link_page(s, &s->classes[class].partial, i);
    return i;
}

static void close_page(struct slab *s, uint32_t i)
{
    struct slab_class *c = &s->classes[class_of(&s->page[i])];

    unlink_page(s, &c->partial, i);
    c->pages--;
    s->page[i].kind = SLAB_FREE;
    give_pages(s, i, 1);
}

/* The page has room, so the lowest clear bit is one of its slots. */
static unsigned lowest_clear(const struct slab_page *p)
{
    if (~p->bits[0] != 0)
        return (unsigned)__builtin_ctzll(~p->bits[0]);
    return 64 + (unsigned)__builtin_ctzll(~p->bits[1]);
}

static uint64_t alloc_small(struct slab *s, unsigned class)
{
    struct slab_class *c = &s->classes[class];
    uint32_t i = c->partial;
    struct slab_page *p;
    unsigned slot;

    c->reqs++;
    if (i == NONE && (i = open_page(s, class)) == NONE) {
        c->fails++;
        return 0;
    }
    p = &s->page[i];
    slot = lowest_clear(p);
    p->bits[slot / 64] |= 1ull << slot % 64; /* commit */
    fence();
    c->used++;
    if (++p->used == slab_class_slots(class))
        unlink_page(s, &c->partial, i);
    return page_offset(s, i) + (uint64_t)slot * class_bytes[class];
}

static void free_small(struct slab *s, uint32_t i, unsigned slot)
{
    struct slab_page *p = &s->page[i];
    unsigned class = class_of(p);
    struct slab_class *c = &s->classes[class];

    p->bits[slot / 64] &= ~(1ull << slot % 64); /* commit */
    fence();
    c->used--;
    if (p->used-- == slab_class_slots(class))
        link_page(s, &c->partial, i);
    if (p->used == 0)
        close_page(s, i);
}

/* The page and slot of an allocated object; false if there is none at that offset. */
static bool locate(const struct slab *s, uint64_t offset, uint32_t *page, unsigned *slot)
{
    uint64_t at = offset - s->first;
    uint32_t in_page = (uint32_t)(at % SLAB_PAGE);
    const struct slab_page *p;

    if (offset < s->first || at / SLAB_PAGE >= s->pages)
        return false;
    *page = (uint32_t)(at / SLAB_PAGE);
    *slot = 0;
    p = &s->page[*page];
    if (!is_small(p))
        return p->kind == SLAB_RUN && in_page == 0;
    *slot = in_page / class_bytes[class_of(p)];
    return in_page % class_bytes[class_of(p)] == 0 && *slot < slab_class_slots(class_of(p)) &&
           (p->bits[*slot / 64] >> *slot % 64 & 1) != 0;
}

uint64_t slab_alloc(struct slab *s, size_t bytes)
{
    return bytes <= SLAB_SMALL_MAX ? alloc_small(s, class_by_size[(bytes + 15) / 16])
                                   : alloc_run(s, bytes);
}

bool slab_free(struct slab *s, uint64_t offset)
{
    uint32_t i;
    unsigned slot;

    if (!locate(s, offset, &i, &slot)) {
        s->bad_frees++;
        return false;
    }
    if (is_small(&s->page[i]))
        free_small(s, i, slot);
    else
        free_run(s, i);
    return true;
}

size_t slab_usable_bytes(const struct slab *s, uint64_t offset)
{
    uint32_t i;
    unsigned slot;
    const struct slab_page *p;

    if (!locate(s, offset, &i, &slot))
        return 0;
    p = &s->page[i];
    return is_small(p) ? class_bytes[class_of(p)] : (size_t)p->run * SLAB_PAGE;
}

/* From the truth ------------------------------------------------------------------------------ */

static void forget_derived(struct slab *s)
{
    s->pages_free = 0;
    s->bin_mask = 0;
    for (unsigned bin = 0; bin < SLAB_BINS; bin++)
        s->bins[bin] = NONE;
    for (unsigned class = 0; class < SLAB_CLASSES; class++) {
        s->classes[class].partial = NONE;
        s->classes[class].pages = 0;
        s->classes[class].used = 0;
    }
}

static bool no_bits(const struct slab_page *p)
{
    return p->bits[0] == 0 && p->bits[1] == 0;
}

static void relink_small(struct slab *s, uint32_t i)
{
    struct slab_page *p = &s->page[i];
    unsigned class = class_of(p);
    struct slab_class *c = &s->classes[class];

    p->used = (uint16_t)(__builtin_popcountll(p->bits[0]) + __builtin_popcountll(p->bits[1]));
    c->used += p->used;
    c->pages++;
    if (p->used < slab_class_slots(class))
        link_page(s, &c->partial, i);
}

static bool is_allocated(const struct slab *s, uint32_t i)
{
    const struct slab_page *p = &s->page[i];

    if (is_small(p))
        return !no_bits(p);
    return p->kind == SLAB_RUN && p->run > 0 && p->run <= s->pages - i;
}

/* Free pages from i on, those in the making included, which become SLAB_FREE. */
static uint32_t free_pages_at(struct slab *s, uint32_t i)
{
    uint32_t end = i;

    while (end < s->pages && !is_allocated(s, end))
        s->page[end++].kind = SLAB_FREE;
    return end - i;
}

void slab_repair(struct slab *s)
{
    uint32_t i = 0;

    forget_derived(s);
    while (i < s->pages) {
        uint32_t free_pages = free_pages_at(s, i);

        if (free_pages > 0) {
            link_run(s, i, free_pages);
            i += free_pages;
        } else if (s->page[i].kind == SLAB_RUN) {
            i += s->page[i].run;
        } else {
            relink_small(s, i++);
        }
    }
}

void slab_sweep_begin(struct slab *s)
{
    for (uint32_t i = 0; i < s->pages; i++)
        if (s->page[i].kind != SLAB_FREE)
            s->page[i].marks[0] = s->page[i].marks[1] = 0;
}

bool slab_keep(struct slab *s, uint64_t offset)
{
    uint32_t i;
    unsigned slot;
    uint64_t mark;

    if (!locate(s, offset, &i, &slot))
        return false;
    mark = 1ull << slot % 64;
    if (s->page[i].marks[slot / 64] & mark)
        return false;
    s->page[i].marks[slot / 64] |= mark;
    return true;
}

static size_t drop_unmarked(struct slab_page *p)
{
    size_t dropped = 0;

    if (p->kind == SLAB_RUN && p->marks[0] == 0) {
        p->kind = SLAB_FREE;
        return 1;
    }
    for (int word = 0; is_small(p) && word < 2; word++) {
        dropped += (size_t)__builtin_popcountll(p->bits[word] & ~p->marks[word]);
        p->bits[word] &= p->marks[word];
    }
    return dropped;
}

size_t slab_sweep_end(struct slab *s)
{
    size_t dropped = 0;

    for (uint32_t i = 0; i < s->pages; i++)
        dropped += drop_unmarked(&s->page[i]);
    slab_repair(s);
    return dropped;
}

/* Where page 0 lies behind this struct and the descriptors of so many pages. */
static size_t first_page(size_t origin, size_t pages)
{
    size_t fixed = origin + sizeof(struct slab) + pages * sizeof(struct slab_page);

    return (fixed + SLAB_PAGE - 1) / SLAB_PAGE * SLAB_PAGE;
}

static size_t pages_that_fit(size_t origin, size_t bytes)
{
    size_t pages = bytes / (SLAB_PAGE + sizeof(struct slab_page));

    while (pages > 0 && first_page(origin, pages) + pages * SLAB_PAGE > bytes)
        pages--;
    return MIN(pages, SLAB_NO_PAGE - 1);
}

bool slab_init(struct slab *s, size_t origin, size_t bytes, bool zeroed)
{
    size_t pages = pages_that_fit(origin, bytes);

    if (pages == 0)
        return false;
    memset(s, 0, sizeof(*s));
    s->origin = origin;
    s->first = first_page(origin, pages);
    s->pages = (uint32_t)pages;
    for (uint32_t i = 0; !zeroed && i < s->pages; i++)
        s->page[i].kind = SLAB_FREE;
    forget_derived(s);
    link_run(s, 0, s->pages);
    return true;
}

void slab_stats(const struct slab *s, struct slab_stats *out)
{
    size_t small_pages = 0;

    for (unsigned class = 0; class < SLAB_CLASSES; class++) {
        const struct slab_class *c = &s->classes[class];

        small_pages += c->pages;
        out->classes[class] = (struct slab_class_stats){
            .bytes = class_bytes[class],
            .used = c->used,
            .total = (size_t)c->pages * slab_class_slots(class),
            .reqs = c->reqs,
            .fails = c->fails,
        };
    }
    out->pages = s->pages;
    out->pages_free = s->pages_free;
    out->run_pages = s->pages - s->pages_free - small_pages;
    out->run_reqs = s->run_reqs;
    out->run_fails = s->run_fails;
    out->bad_frees = s->bad_frees;
}
