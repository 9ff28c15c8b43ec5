/*
 * common/pool.c - bump allocation from recycled blocks, and the reserve for when malloc fails.
 *
 * A pool lives at the start of its own first block. Used by one thread per process only: the free
 * list has no lock.
 */
#include "common/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/poison.h"

#define ALIGN         16u
#define RESERVE_COUNT 16
#define RESERVE_BYTES 65536 /* of each; below malloc's mmap threshold, so the heap can split it */

struct block {
    struct block *next;
    size_t bytes;
};

/* An allocation of its own; what was asked for follows. */
struct large {
    _Alignas(16) struct large *next;
};

struct cleanup {
    struct cleanup *next;
    cleanup_fn *fn;
    void *arg;
};

struct pool {
    char *pos;
    char *end;
    struct block *blocks; /* newest first */
    struct large *large;
    struct cleanup *cleanups;
    size_t block_bytes;   /* of the next one */
    size_t most;          /* above: an allocation of its own */
    size_t footprint;
};

static_assert(sizeof(struct block) % ALIGN == 0, "what follows a block's header is aligned");
static_assert(sizeof(struct large) % ALIGN == 0, "what follows its header is aligned");

/* Recycled, by size: POOL_SMALL, twice that, and so on up to POOL_BLOCK. */
static struct idle {
    struct block *first;
    size_t count;
} idle[3];

static_assert(POOL_SMALL << (COUNT(idle) - 1) == POOL_BLOCK, "the last size is the largest");

static void *reserve[RESERVE_COUNT];
static int reserve_count;
static bool reserve_ready;

/* The reserve ---------------------------------------------------------------------------------- */

static void refill_reserve(void)
{
    reserve_ready = true;
    while (reserve_count < RESERVE_COUNT) {
        void *chunk = malloc(RESERVE_BYTES);

        if (chunk == NULL)
            return;
        reserve[reserve_count++] = chunk;
    }
}

bool pool_low(void)
{
    if (likely(reserve_count == RESERVE_COUNT || !reserve_ready))
        return false;
    refill_reserve();
    return reserve_count < RESERVE_COUNT;
}

void *pool_malloc(size_t bytes)
{
    void *data = malloc(bytes);

    while (unlikely(data == NULL)) {
        if (reserve_count == 0) {
            fprintf(stderr, "weir: [emerg] out of memory: %zu bytes wanted, reserve spent\n",
                    bytes);
            abort();
        }
        free(reserve[--reserve_count]);
        data = malloc(bytes);
    }
    return data;
}

/* Blocks --------------------------------------------------------------------------------------- */

/* NULL: blocks of that size are not recycled. */
static struct idle *idle_of(size_t bytes)
{
    for (size_t i = 0; i < COUNT(idle); i++)
        if (bytes == (size_t)POOL_SMALL << i)
            return &idle[i];
    return NULL;
}

static struct block *pop(struct idle *list)
{
    struct block *block = list->first;

    list->first = block->next;
    list->count--;
    return block;
}

static struct block *take_block(size_t bytes, bool may_fail)
{
    struct idle *list = idle_of(bytes);
    struct block *block;

    if (likely(list != NULL && list->first != NULL)) {
        block = pop(list);
    } else {
        block = may_fail ? malloc(bytes) : pool_malloc(bytes);
        if (block == NULL)
            return NULL;
        block->bytes = bytes;
    }
    block->next = NULL;
    poison(block + 1, bytes - sizeof(*block));
    return block;
}

static void release_block(struct block *block)
{
    unpoison(block, block->bytes);
    free(block);
}

static void give_block(struct block *block)
{
    struct idle *list = idle_of(block->bytes);

    if (list == NULL) {
        release_block(block);
        return;
    }
    poison(block + 1, block->bytes - sizeof(*block));
    block->next = list->first;
    list->first = block;
    list->count++;
}

void pool_trim(size_t keep)
{
    for (size_t i = 0; i < COUNT(idle); i++)
        while (idle[i].count > keep)
            release_block(pop(&idle[i]));
}

/* Pools ---------------------------------------------------------------------------------------- */

static size_t block_after(size_t bytes)
{
    return bytes >= POOL_BLOCK ? bytes : MIN(bytes * 2, POOL_BLOCK);
}

struct pool *pool_create(size_t block_bytes)
{
    struct block *block;
    struct pool *pool;

    must(block_bytes >= 256 && block_bytes % ALIGN == 0);
    if (unlikely(!reserve_ready))
        refill_reserve();
    block = take_block(block_bytes, false);
    pool = (struct pool *)(block + 1);
    unpoison(pool, sizeof(*pool));
    *pool = (struct pool){
        .pos = (char *)(pool + 1) + POISON_GAP,
        .end = (char *)block + block_bytes,
        .blocks = block,
        .block_bytes = block_after(block_bytes),
        .most = MAX(block_bytes, POOL_BLOCK) / 2,
        .footprint = block_bytes,
    };
    return pool;
}

static void run_cleanups(struct pool *pool)
{
    struct cleanup *cleanup;

    while ((cleanup = pool->cleanups) != NULL) { /* one may add another */
        pool->cleanups = cleanup->next;
        cleanup->fn(cleanup->arg);
    }
}

void pool_destroy(struct pool *pool)
{
    struct large *large, *next_large;
    struct block *block, *next_block;

    run_cleanups(pool);
    for (large = pool->large; large != NULL; large = next_large) {
        next_large = large->next;
        free(large);
    }
    for (block = pool->blocks; block != NULL; block = next_block) { /* the pool is in the last */
        next_block = block->next;
        give_block(block);
    }
}

static void *alloc_large(struct pool *pool, size_t bytes, bool may_fail)
{
    size_t total = sizeof(struct large) + bytes;
    struct large *large;

    if (bytes > SIZE_MAX / 2) {
        must(may_fail);
        return NULL;
    }
    large = may_fail ? malloc(total) : pool_malloc(total);
    if (large == NULL)
        return NULL;
    large->next = pool->large;
    pool->large = large;
    pool->footprint += total;
    return large + 1;
}

static void *alloc_elsewhere(struct pool *pool, size_t bytes, bool may_fail)
{
    size_t size = pool->block_bytes;
    struct block *block;
    char *data;

    if (bytes > pool->most)
        return alloc_large(pool, bytes, may_fail);
    while (size < sizeof(*block) + bytes + POISON_GAP)
        size = block_after(size);
    block = take_block(size, may_fail);
    if (block == NULL)
        return NULL;
    block->next = pool->blocks;
    pool->blocks = block;
    pool->footprint += size;
    pool->block_bytes = block_after(size);
    data = (char *)(block + 1);
    pool->pos = data + bytes + POISON_GAP;
    pool->end = (char *)block + size;
    return data;
}

static inline void *alloc_at(struct pool *pool, size_t bytes, size_t align, bool may_fail)
{
    char *data = pool->pos + (-(uintptr_t)pool->pos & (align - 1));

    if (likely(data <= pool->end && bytes + POISON_GAP <= (size_t)(pool->end - data) &&
               bytes <= pool->most)) {
        pool->pos = data + bytes + POISON_GAP;
    } else {
        data = alloc_elsewhere(pool, bytes, may_fail);
        if (data == NULL)
            return NULL;
    }
    unpoison(data, bytes);
    return data;
}

void *pool_alloc(struct pool *pool, size_t bytes)
{
    return alloc_at(pool, bytes, ALIGN, false);
}

void *pool_zalloc(struct pool *pool, size_t bytes)
{
    return memset(alloc_at(pool, bytes, ALIGN, false), 0, bytes);
}

void *pool_try_alloc(struct pool *pool, size_t bytes)
{
    return alloc_at(pool, bytes, ALIGN, true);
}

char *pool_bytes(struct pool *pool, size_t bytes)
{
    return alloc_at(pool, bytes, POISON_GAP == 0 ? 1 : 8, false);
}

struct str pool_str(struct pool *pool, struct str s)
{
    char *copy = pool_bytes(pool, s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

char *pool_cstr(struct pool *pool, struct str s)
{
    char *copy = pool_bytes(pool, s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct str pool_printf(struct pool *pool, const char *fmt, ...)
{
    char text[512];
    va_list args;
    char *copy;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    must(len >= 0);
    if ((size_t)len < sizeof(text))
        return pool_str(pool, (struct str){text, (size_t)len});

    copy = pool_bytes(pool, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(copy, (size_t)len + 1, fmt, args);
    va_end(args);
    return (struct str){copy, (size_t)len};
}

void pool_on_destroy(struct pool *pool, cleanup_fn *fn, void *arg)
{
    struct cleanup *cleanup = pool_alloc(pool, sizeof(*cleanup));

    *cleanup = (struct cleanup){.next = pool->cleanups, .fn = fn, .arg = arg};
    pool->cleanups = cleanup;
}

size_t pool_footprint(const struct pool *pool)
{
    return pool->footprint;
}
