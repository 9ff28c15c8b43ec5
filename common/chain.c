/*
 * common/chain.c - the queue of pieces: four in place, more in a recycled buffer.
 */
#include "common/chain.h"

#include "common/buf.h"

#define PACK_MOST 128 /* bytes that cost less to move than to have a piece of their own */

void chain_init(struct chain *c)
{
    c->pieces = c->inplace;
    c->first = c->count = 0;
    c->cap = COUNT(c->inplace);
    c->on_heap = 0;
    c->bytes = 0;
}

static_assert(512 % sizeof(struct piece) == 0, "a buffer's size is a whole number of pieces");

static void give_pieces(struct chain *c)
{
    struct buf b = {.start = (char *)c->pieces};

    b.end = b.start + c->cap * sizeof(struct piece);
    buf_give(&b);
}

void chain_clear(struct chain *c)
{
    if (c->on_heap)
        give_pieces(c);
    chain_init(c);
}

void chain_fini(struct chain *c)
{
    chain_clear(c);
}

static void slide(struct chain *c)
{
    memmove(c->pieces, c->pieces + c->first, c->count * sizeof(struct piece));
    c->first = 0;
}

static void grow(struct chain *c)
{
    struct buf b;

    must(c->cap < UINT32_MAX / 4);
    buf_take(&b, (size_t)c->cap * 4 * sizeof(struct piece));
    memcpy(b.start, c->pieces + c->first, c->count * sizeof(struct piece));
    if (c->on_heap)
        give_pieces(c);
    c->pieces = (struct piece *)(void *)b.start;
    c->first = 0;
    c->cap = (uint32_t)((size_t)(b.end - b.start) / sizeof(struct piece));
    c->on_heap = 1;
}

static struct piece *tail(struct chain *c)
{
    return c->count == 0 ? NULL : &c->pieces[c->first + c->count - 1];
}

static struct piece *add(struct chain *c)
{
    if (c->first + c->count == c->cap) {
        if (c->first >= c->cap / 2)
            slide(c);
        else
            grow(c);
    }
    return &c->pieces[c->first + c->count++];
}

void chain_add(struct chain *c, const void *data, size_t len)
{
    struct piece *last = tail(c);

    if (len == 0)
        return;
    c->bytes += len;
    if (last != NULL && last->kind == PIECE_MEMORY && last->data + last->len == (const char *)data)
        last->len += len;
    else
        *add(c) = (struct piece){.kind = PIECE_MEMORY, .fd = -1, .data = data, .len = len};
}

void chain_pack(struct chain *c, char *buffer, const char *data, size_t len)
{
    const struct piece *last = tail(c);
    uintptr_t end;

    if (len <= PACK_MOST && last != NULL && last->kind == PIECE_MEMORY) {
        end = (uintptr_t)last->data + last->len;
        if (end >= (uintptr_t)buffer && end <= (uintptr_t)data)
            data = memmove(buffer + (end - (uintptr_t)buffer), data, len);
    }
    chain_add(c, data, len);
}

void chain_add_file(struct chain *c, int fd, int64_t offset, size_t len)
{
    chain_add_file_by(c, fd, offset, len, NULL);
}

void chain_add_file_by(struct chain *c, int fd, int64_t offset, size_t len,
                       struct thread_pool *threads)
{
    struct piece *last = tail(c);

    if (len == 0)
        return;
    c->bytes += len;
    if (last != NULL && last->kind == PIECE_FILE && last->fd == fd && last->threads == threads &&
        last->offset + (int64_t)last->len == offset)
        last->len += len;
    else
        *add(c) = (struct piece){.kind = PIECE_FILE, .fd = fd, .threads = threads,
                                 .offset = offset, .len = len};
}

void chain_add_pipe(struct chain *c, int fd, size_t len)
{
    if (len == 0)
        return;
    c->bytes += len;
    *add(c) = (struct piece){.kind = PIECE_PIPE, .fd = fd, .len = len};
}

static void advance(struct piece *p, size_t n)
{
    if (p->kind == PIECE_MEMORY)
        p->data += n;
    else if (p->kind == PIECE_FILE)
        p->offset += (int64_t)n;
    p->len -= n;
}

void chain_consume(struct chain *c, size_t n)
{
    must(n <= c->bytes);
    if (n == c->bytes) {
        chain_clear(c);
        return;
    }
    c->bytes -= n;
    while (n >= chain_head(c)->len) {
        n -= chain_head(c)->len;
        c->first++;
        c->count--;
    }
    advance(chain_head(c), n);
}

/* The first n bytes of a piece. */
static void add_part(struct chain *c, const struct piece *p, size_t n)
{
    if (p->kind == PIECE_MEMORY)
        chain_add(c, p->data, n);
    else if (p->kind == PIECE_FILE)
        chain_add_file_by(c, p->fd, p->offset, n, p->threads);
    else
        chain_add_pipe(c, p->fd, n);
}

/* Into an empty one: the pieces as they are. */
static void take_all(struct chain *c, struct chain *from)
{
    c->count = from->count;
    c->bytes = from->bytes;
    if (from->on_heap) {
        c->pieces = from->pieces;
        c->first = from->first;
        c->cap = from->cap;
        c->on_heap = 1;
    } else {
        memcpy(c->inplace, chain_head(from), from->count * sizeof(struct piece));
    }
    chain_init(from);
}

void chain_move(struct chain *c, struct chain *from)
{
    if (chain_empty(c)) {
        chain_clear(c);
        take_all(c, from);
        return;
    }
    for (uint32_t i = 0; i < from->count; i++)
        add_part(c, &from->pieces[from->first + i], from->pieces[from->first + i].len);
    chain_clear(from);
}

void chain_move_first(struct chain *c, struct chain *from, size_t n)
{
    while (n > 0) {
        size_t part = MIN(n, chain_head(from)->len);

        add_part(c, chain_head(from), part);
        chain_consume(from, part);
        n -= part;
    }
}

int chain_iovec(const struct chain *c, struct iovec *iov, int cap, size_t max)
{
    int n = 0;

    for (uint32_t i = 0; i < c->count && n < cap && max > 0; i++) {
        const struct piece *p = &c->pieces[c->first + i];
        size_t len = MIN(p->len, max);

        if (p->kind != PIECE_MEMORY)
            break;
        iov[n].iov_base = (void *)(uintptr_t)p->data;
        iov[n++].iov_len = len;
        max -= len;
    }
    return n;
}
