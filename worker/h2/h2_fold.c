/*
 * worker/h2/h2_fold.c - places in slabs of address space, and words that are not zero.
 */
#include "worker/h2/h2_fold.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base.h"

#define PLACE_BYTES 28672 /* what version 1.52 takes is 25,616 with our heads */
#define SLAB_PLACES 64

struct h2_fold {
    char *place;
    size_t used;
    uint64_t *kept;        /* folded: NULL: it is not */
    size_t kept_words;
    bool made;             /* what is allocated from now on lies elsewhere */
    bool dirty;            /* not zero when it is taken */
    struct h2_fold *next;  /* free ones */
};

/* In front of each allocation within a place. */
union head {
    size_t bytes;
    max_align_t align;
};

static struct h2_fold *free_places;

/* Places --------------------------------------------------------------------------------------- */

static size_t place_bytes(void)
{
    size_t page = (size_t)getpagesize();

    return (PLACE_BYTES + page - 1) / page * page;
}

/* They are zero from then on. Memory that is locked stays where it is. */
static bool give_back(struct h2_fold *fold)
{
    return madvise(fold->place, place_bytes(), MADV_DONTNEED) == 0;
}

static bool make_slab(void)
{
    size_t bytes = place_bytes() * SLAB_PLACES;
    struct h2_fold *folds = calloc(SLAB_PLACES, sizeof(*folds));
    char *slab = aligned_alloc((size_t)getpagesize(), bytes);

    if (folds == NULL || slab == NULL) {
        free(folds);
        free(slab);
        return false;
    }
    madvise(slab, bytes, MADV_NOHUGEPAGE);
    for (int i = SLAB_PLACES - 1; i >= 0; i--) {
        folds[i].place = slab + (size_t)i * place_bytes();
        folds[i].dirty = !give_back(&folds[i]);
        folds[i].next = free_places;
        free_places = &folds[i];
    }
    return true;
}

/* The library's allocator ---------------------------------------------------------------------- */

static bool is_within(const struct h2_fold *fold, const void *p)
{
    return (uintptr_t)p - (uintptr_t)fold->place < PLACE_BYTES;
}

static void *fold_malloc(size_t bytes, void *user)
{
    struct h2_fold *fold = user;
    size_t whole = sizeof(union head) + (bytes + sizeof(union head) - 1) / sizeof(union head) *
                                            sizeof(union head);
    union head *head = (union head *)(void *)(fold->place + fold->used);

    if (fold->made || bytes > PLACE_BYTES || whole > PLACE_BYTES - fold->used)
        return malloc(bytes);
    fold->used += whole;
    head->bytes = bytes;
    return head + 1;
}

static void *fold_calloc(size_t count, size_t bytes, void *user)
{
    struct h2_fold *fold = user;
    void *p;

    if (fold->made || bytes == 0 || count > PLACE_BYTES / bytes)
        return calloc(count, bytes);
    p = fold_malloc(count * bytes, user);
    if (p != NULL && (fold->dirty || !is_within(fold, p)))
        memset(p, 0, count * bytes);
    return p;
}

static void fold_free(void *p, void *user)
{
    if (!is_within(user, p))
        free(p);
}

static void *fold_realloc(void *p, size_t bytes, void *user)
{
    size_t before;
    void *grown;

    if (p == NULL)
        return fold_malloc(bytes, user);
    if (!is_within(user, p))
        return realloc(p, bytes);
    before = ((union head *)p - 1)->bytes;
    if (bytes <= before)
        return p;
    grown = malloc(bytes);
    return grown == NULL ? NULL : memcpy(grown, p, before);
}

struct h2_fold *h2_fold_take(nghttp2_mem *mem)
{
    struct h2_fold *fold;

    if (free_places == NULL && !make_slab())
        return NULL;
    fold = free_places;
    free_places = fold->next;
    fold->used = 0;
    fold->made = false;
    *mem = (nghttp2_mem){.mem_user_data = fold, .malloc = fold_malloc, .free = fold_free,
                         .calloc = fold_calloc, .realloc = fold_realloc};
    return fold;
}

void h2_fold_made(struct h2_fold *fold)
{
    fold->made = true;
}

void h2_fold_give(struct h2_fold *fold)
{
    must(fold->kept == NULL);
    fold->dirty = !give_back(fold);
    fold->next = free_places;
    free_places = fold;
}

/* Folding -------------------------------------------------------------------------------------- */

/* Runs of words: how many are zero, how many follow that are not, and those. At most one word more
   than there were. */
static size_t pack(const uint64_t *from, size_t count, uint64_t *into)
{
    size_t i = 0, n = 0;

    while (i < count) {
        size_t zeros = i, others;

        while (i < count && from[i] == 0)
            i++;
        zeros = i - zeros;
        others = i;
        while (i < count && from[i] != 0)
            i++;
        others = i - others;
        into[n++] = (uint64_t)zeros << 32 | others;
        memcpy(into + n, from + i - others, others * sizeof(*from));
        n += others;
    }
    return n;
}

/* Into words that are zero. */
static void unpack(const uint64_t *from, size_t count, uint64_t *into)
{
    size_t others;

    for (size_t i = 0; i < count; i += others) {
        into += from[i] >> 32;
        others = (uint32_t)from[i++];
        memcpy(into, from + i, others * sizeof(*from));
        into += others;
    }
}

void h2_fold_close(struct h2_fold *fold)
{
    static uint64_t packed[PLACE_BYTES / sizeof(uint64_t) + 1];

    if (fold->kept != NULL)
        return;
    fold->kept_words = pack((const uint64_t *)(void *)fold->place, fold->used / sizeof(uint64_t),
                            packed);
    fold->kept = malloc(fold->kept_words * sizeof(uint64_t));
    if (fold->kept == NULL)
        return;
    memcpy(fold->kept, packed, fold->kept_words * sizeof(uint64_t));
    if (give_back(fold))
        return;
    free(fold->kept);
    fold->kept = NULL;
}

void h2_fold_open(struct h2_fold *fold)
{
    if (fold->kept == NULL)
        return;
    unpack(fold->kept, fold->kept_words, (uint64_t *)(void *)fold->place);
    free(fold->kept);
    fold->kept = NULL;
}
