/*
 * common/slab.h - an allocator inside a zone, which a process may leave at any instruction.
 *
 * All calls are made under the zone's lock. What is allocated is told by three things alone: the
 * kind of each page, the bits of a page of small objects, and the length of a run of pages. Each
 * changes by one store. Lists and counts are derived from them, and slab_repair() derives them
 * anew after a holder of the lock died. Such a death leaves an object either whole or free; one
 * that was allocated but not yet linked anywhere is found by a sweep (slab_sweep_begin and on).
 *
 * Objects are offsets from the zone's base, 0 for none, aligned to 16 (to 64, if their size is a
 * multiple of it and no more than 512). Allocating and freeing take constant time, but for the
 * pages of an object above SLAB_SMALL_MAX, each of which is marked.
 */
#pragma once

#include "common/base.h"

#define SLAB_PAGE      4096
#define SLAB_SMALL_MAX 2048 /* bytes; what is larger gets pages of its own */
#define SLAB_CLASSES   21
#define SLAB_BINS      32

enum slab_page_kind { SLAB_FREE, SLAB_RUN, SLAB_RUN_REST, SLAB_SMALL /* + class */ };

struct slab_page {
    uint64_t bits[2];  /* truth, small objects: which are allocated */
    uint64_t marks[2]; /* of a sweep: which are kept */
    uint32_t run;      /* truth in the first page of a SLAB_RUN: its pages. Derived in the first and
                          last page of a free run */
    uint32_t next;     /* in a list of pages of a class that have room, or of free runs; by index */
    uint32_t prev;
    uint16_t used;     /* bits set */
    uint8_t kind;      /* truth */
};

struct slab_class {
    uint32_t partial; /* first page that has room */
    uint32_t pages;
    uint64_t used; /* objects */
    uint64_t reqs, fails;
};

/* Derived or merely counted, but for the first three. */
struct slab {
    uint64_t origin; /* offset of this struct from the zone's base; fixed, as the next two */
    uint64_t first;  /* offset of page 0 */
    uint32_t pages;
    uint32_t pages_free;
    uint32_t bin_mask; /* which bins hold a run */
    uint32_t bins[SLAB_BINS]; /* free runs of 2^n to 2^(n+1)-1 pages */
    uint64_t run_reqs, run_fails;
    uint64_t bad_frees;
    struct slab_class classes[SLAB_CLASSES];
    struct slab_page page[];
};

/* Lays a slab over the zone's bytes from `origin` (a multiple of 8) to `bytes`; false when not even
   one page fits. `zeroed` spares touching memory that is known to be fresh. */
bool slab_init(struct slab *s, size_t origin, size_t bytes, bool zeroed);

/* 0 when there is no room. Contents are undefined. */
uint64_t slab_alloc(struct slab *s, size_t bytes);

/* False, and nothing changed but a count, if that is no object of ours. */
bool slab_free(struct slab *s, uint64_t offset);

/* What the object may hold, at least what was asked for; 0 if there is no such object. */
size_t slab_usable_bytes(const struct slab *s, uint64_t offset);

/* Derives lists and counts from the truth. What was allocated stays so. */
void slab_repair(struct slab *s);

/*
 * Frees all objects that nobody refers to: begin, keep each object that is reachable, end. A death
 * between begin and end changes nothing. slab_keep() is false for what is no object or was already
 * kept, which tells a walker that a link is wrong or that it walks in a circle. What only a booking
 * refers to must be kept as well. slab_sweep_end() repairs, too, and returns how many objects it
 * freed.
 */
void slab_sweep_begin(struct slab *s);
bool slab_keep(struct slab *s, uint64_t offset);
size_t slab_sweep_end(struct slab *s);

struct slab_stats {
    size_t pages, pages_free;
    size_t run_pages; /* in use by objects above SLAB_SMALL_MAX */
    uint64_t run_reqs, run_fails;
    uint64_t bad_frees; /* our own bugs */
    struct slab_class_stats {
        uint32_t bytes;
        size_t used, total; /* objects; total counts those that its pages can hold */
        uint64_t reqs, fails;
    } classes[SLAB_CLASSES];
};

void slab_stats(const struct slab *s, struct slab_stats *out);

/* Objects of that class, by size and by what fits into a page. */
uint32_t slab_class_bytes(unsigned class);
uint32_t slab_class_slots(unsigned class);

/* Its bin for a free run of that many pages. */
static inline unsigned slab_bin(uint32_t pages)
{
    return 31 - (unsigned)__builtin_clz(pages);
}

#define SLAB_NO_PAGE UINT32_MAX
