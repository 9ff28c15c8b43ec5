/*
 * common/slab_check.c - whether a slab's lists and counts agree with what is allocated.
 *
 * Walks the pages once to learn what the lists should hold, then each list to see that it holds
 * exactly that many fitting pages, each linked back to the one before.
 */
#include "common/slab_check.h"

#define NONE SLAB_NO_PAGE

struct tally {
    uint32_t runs[SLAB_BINS];
    uint32_t roomy[SLAB_CLASSES]; /* pages that have room */
    uint32_t pages[SLAB_CLASSES];
    uint64_t used[SLAB_CLASSES];
    uint32_t pages_free;
};

static const char *count_small(const struct slab_page *p, struct tally *t)
{
    unsigned class = p->kind - (unsigned)SLAB_SMALL;
    unsigned bits = (unsigned)(__builtin_popcountll(p->bits[0]) +
                               __builtin_popcountll(p->bits[1]));
    unsigned slots;

    if (class >= SLAB_CLASSES)
        return "a page of no known kind";
    slots = slab_class_slots(class);
    if (slots < 128 && (slots < 64 ? p->bits[1] != 0 || p->bits[0] >> slots != 0
                                   : p->bits[1] >> (slots - 64) != 0))
        return "a bit beyond the last object of its page";
    if (bits == 0)
        return "an empty page not given back";
    if (bits != p->used)
        return "a page's count is not that of its bits";
    t->pages[class]++;
    t->used[class] += bits;
    t->roomy[class] += bits < slots;
    return NULL;
}

/* A run of `pages` from i on: all within the slab, and all but the first of kind `rest`. */
static const char *walk_run(const struct slab *s, uint32_t i, uint8_t rest)
{
    uint32_t pages = s->page[i].run;

    if (pages == 0 || pages > s->pages - i)
        return "a run longer than the zone";
    for (uint32_t n = 1; n < pages; n++)
        if (s->page[i + n].kind != rest)
            return "a run with a page of another kind in it";
    return NULL;
}

static const char *count_free(const struct slab *s, uint32_t i, struct tally *t)
{
    const char *wrong = walk_run(s, i, SLAB_FREE);
    uint32_t pages = s->page[i].run;

    if (wrong != NULL)
        return wrong;
    if (s->page[i + pages - 1].run != pages)
        return "a free run whose ends disagree";
    if (i + pages < s->pages && s->page[i + pages].kind == SLAB_FREE)
        return "two free runs side by side";
    t->runs[slab_bin(pages)]++;
    t->pages_free += pages;
    return NULL;
}

static const char *count_page(const struct slab *s, uint32_t i, uint32_t *pages, struct tally *t)
{
    *pages = s->page[i].run;
    switch (s->page[i].kind) {
    case SLAB_FREE:
        return count_free(s, i, t);
    case SLAB_RUN:
        return walk_run(s, i, SLAB_RUN_REST);
    case SLAB_RUN_REST:
        return "a rest without its run";
    default:
        *pages = 1;
        return count_small(&s->page[i], t);
    }
}

static bool in_bin(const struct slab_page *p, unsigned bin)
{
    return p->kind == SLAB_FREE && p->run > 0 && slab_bin(p->run) == bin;
}

static bool in_class(const struct slab_page *p, unsigned class)
{
    return p->kind == SLAB_SMALL + class && p->used < slab_class_slots(class);
}

static const char *walk_list(const struct slab *s, uint32_t head, uint32_t want, unsigned number,
                             bool (*belongs)(const struct slab_page *, unsigned))
{
    uint32_t before = NONE;

    for (uint32_t i = head; i != NONE; before = i, i = s->page[i].next) {
        if (i >= s->pages)
            return "a link out of the zone";
        if (s->page[i].prev != before)
            return "a list that does not lead back";
        if (!belongs(&s->page[i], number))
            return "a page in a list of others";
        if (want-- == 0)
            return "a list with pages too many";
    }
    return want == 0 ? NULL : "a page missing from its list";
}

static const char *check_bins(const struct slab *s, const struct tally *t)
{
    for (unsigned bin = 0; bin < SLAB_BINS; bin++) {
        const char *wrong = walk_list(s, s->bins[bin], t->runs[bin], bin, in_bin);

        if (wrong != NULL)
            return wrong;
        if ((s->bins[bin] != NONE) != ((s->bin_mask >> bin & 1) != 0))
            return "a bin that its mask does not show";
    }
    return NULL;
}

static const char *check_classes(const struct slab *s, const struct tally *t)
{
    for (unsigned class = 0; class < SLAB_CLASSES; class++) {
        const struct slab_class *c = &s->classes[class];
        const char *wrong = walk_list(s, c->partial, t->roomy[class], class, in_class);

        if (wrong != NULL)
            return wrong;
        if (c->pages != t->pages[class] || c->used != t->used[class])
            return "a class that counts wrongly";
    }
    return NULL;
}

const char *slab_check(const struct slab *s)
{
    struct tally t = {.pages_free = 0};
    const char *wrong = NULL;
    uint32_t pages;

    for (uint32_t i = 0; wrong == NULL && i < s->pages; i += pages)
        wrong = count_page(s, i, &pages, &t);
    if (wrong == NULL && t.pages_free != s->pages_free)
        wrong = "a wrong count of free pages";
    if (wrong == NULL)
        wrong = check_bins(s, &t);
    return wrong != NULL ? wrong : check_classes(s, &t);
}
