/*
 * common/buf.h - a region of bytes being filled at `last` and consumed at `pos`.
 *
 * Read buffers are taken from and given back to free lists by size, newest first, so that an idle
 * connection holds none and a busy one gets a warm one.
 */
#pragma once

#include "common/str.h"

struct buf {
    char *start; /* NULL: no buffer held */
    char *pos;   /* first byte not yet consumed */
    char *last;  /* end of what was filled in */
    char *end;
};

static inline size_t buf_used(const struct buf *b)
{
    return (size_t)(b->last - b->pos);
}

static inline size_t buf_room(const struct buf *b)
{
    return (size_t)(b->end - b->last);
}

static inline struct str buf_str(const struct buf *b)
{
    return str_range(b->pos, b->last);
}

/* An empty buffer of at least `bytes`, rounded up to a multiple of 512. Never fails: see pool.h. */
void buf_take(struct buf *b, size_t bytes);

/* Gives it back; b becomes empty with start NULL. A buf without memory is left alone. */
void buf_give(struct buf *b);

/* Moves everything from start to last into a larger buffer of `bytes`, at the same offsets. Slices
   into the old one must be rebased by the caller: returns the old start, which is valid for address
   arithmetic only (new = b->start + (slice - old_start)). */
const char *buf_grow(struct buf *b, size_t bytes);

/* Moves what is unconsumed to the front. */
void buf_compact(struct buf *b);

/* Gives free buffers back to malloc until at most `keep` bytes of them are left. */
void buf_trim(size_t keep);
