/*
 * common/chain.h - bytes on their way out, as a queue of pieces: memory, a file range, or a pipe.
 *
 * A chain owns its array of pieces, never the bytes they name. It is what a source fills and what a
 * connection writes with one writev or sendfile.
 */
#pragma once

#include <sys/uio.h>

#include "common/str.h"

enum piece_kind { PIECE_MEMORY, PIECE_FILE, PIECE_PIPE };

struct thread_pool;

struct piece {
    enum piece_kind kind;
    int fd;             /* PIECE_FILE, PIECE_PIPE */
    union {
        const char *data; /* PIECE_MEMORY */
        struct thread_pool *threads; /* PIECE_FILE: these send it, as reading may block; or NULL */
    };
    int64_t offset;     /* PIECE_FILE */
    size_t len;         /* bytes left; never 0 in a chain */
};

struct chain {
    struct piece *pieces; /* count of them from first */
    uint32_t first;
    uint32_t count;
    uint32_t cap;
    uint32_t on_heap;     /* pieces is a recycled buffer, not `inplace` */
    size_t bytes;         /* sum of their lengths */
    struct piece inplace[4];
};

/* A chain points into itself: it cannot be copied by assignment. One that becomes empty keeps no
   memory, so chain_fini of an empty chain does nothing. */
void chain_init(struct chain *c);
void chain_fini(struct chain *c);

static inline bool chain_empty(const struct chain *c)
{
    return c->count == 0;
}

static inline struct piece *chain_head(struct chain *c)
{
    return &c->pieces[c->first];
}

/* Adds at the end. Empty pieces are dropped; memory that follows the last piece's memory directly
   is joined to it, and so is a file range that follows the last piece's. */
void chain_add(struct chain *c, const void *data, size_t len);
/* As chain_add, for what was decoded in place in a buffer that begins at `buffer`: a small piece is
   moved up to the end of the last one, over the framing between them, and joined to it. Else bytes
   that come in chunks of one would take many times their own memory. */
void chain_pack(struct chain *c, char *buffer, const char *data, size_t len);
void chain_add_file(struct chain *c, int fd, int64_t offset, size_t len);
/* The same, sent by one of these threads (NULL: by whom it may concern). Only for a chain that goes
   to a plain connection. */
void chain_add_file_by(struct chain *c, int fd, int64_t offset, size_t len,
                       struct thread_pool *threads);
void chain_add_pipe(struct chain *c, int fd, size_t len);

/* Drops the first n bytes (n <= bytes). */
void chain_consume(struct chain *c, size_t n);

void chain_clear(struct chain *c);

/* Moves all of `from` to the end of c; from is empty afterwards. */
void chain_move(struct chain *c, struct chain *from);

/* Moves its first n bytes (n <= from->bytes). */
void chain_move_first(struct chain *c, struct chain *from, size_t n);

/* The leading memory pieces as an iovec of at most `cap` entries and `max` bytes; their count. */
int chain_iovec(const struct chain *c, struct iovec *iov, int cap, size_t max);
