/*
 * common/pool.h - memory that lives and dies together: a generation's, a connection's, a request's.
 *
 * Allocation is a pointer bump; nobody frees by hand. Small blocks (POOL_BLOCK bytes) are recycled
 * within the process, so that steady traffic never reaches malloc.
 *
 * No call here returns NULL except pool_try_alloc. When malloc fails the process spends a reserve
 * set aside at start, pool_low() becomes true (the worker then refuses new requests), and only when
 * the reserve is gone too does it abort with a message. Sizes that a peer decides and that are not
 * bounded by a small limit go through pool_try_alloc.
 *
 * One thread per process uses pools; helper threads bring their own memory.
 */
#pragma once

#include "common/str.h"

#define POOL_BLOCK 4096 /* bytes of a recycled block, its header included */
#define POOL_SMALL 1024 /* of the smallest that is recycled */

struct pool;

typedef void cleanup_fn(void *arg);

/* An empty pool. `block_bytes` is the size of its first block: POOL_SMALL for a request, which may
   last for long with little in it, and then each block is twice the one before, up to POOL_BLOCK.
   One that begins with that, or more (65536 for a generation), keeps to it. */
struct pool *pool_create(size_t block_bytes);

/* Runs the cleanups, newest first, then gives everything back. */
void pool_destroy(struct pool *pool);

/* Aligned to 16. Contents undefined; the z form is zeroed. What takes more than half a block (of
   POOL_BLOCK, in a pool of smaller ones) gets an allocation of its own. */
void *pool_alloc(struct pool *pool, size_t bytes);
void *pool_zalloc(struct pool *pool, size_t bytes);

/* The same, NULL when malloc fails: never spends the reserve, never aborts. */
void *pool_try_alloc(struct pool *pool, size_t bytes);

/* Bytes without alignment, for text. */
char *pool_bytes(struct pool *pool, size_t bytes);

/* A copy; the byte after it is NUL. */
struct str pool_str(struct pool *pool, struct str s);

/* The copy as a C string. */
char *pool_cstr(struct pool *pool, struct str s);

/* printf into the pool; the byte after the result is NUL. */
struct str pool_printf(struct pool *pool, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Runs fn(arg) when the pool is destroyed. */
void pool_on_destroy(struct pool *pool, cleanup_fn *fn, void *arg);

/* Bytes obtained from malloc for this pool (blocks and large pieces). */
size_t pool_footprint(const struct pool *pool);

/* True while memory is short: new work should be refused. */
bool pool_low(void);

/* malloc that spends the reserve before it aborts; for the few things that are not in a pool.
   free() gives it back. */
void *pool_malloc(size_t bytes);

/* Gives recycled blocks above `keep` of each size back to malloc; called when a worker goes
   idle. */
void pool_trim(size_t keep);
