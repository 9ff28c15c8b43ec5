/*
 * t/unit/common/pool_test.c - pools recycle, clean up in order, and survive a failing malloc.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/array.h"
#include "common/poison.h"
#include "common/pool.h"
#include "t/unit/tap.h"

static char trace[64];

static void note(void *arg)
{
    strcat(trace, arg);
}

static struct pool *late_pool;

static void note_and_add(void *arg)
{
    strcat(trace, arg);
    pool_on_destroy(late_pool, note, (void *)(uintptr_t) "late");
}

static void cleanups_run_newest_first(void)
{
    struct pool *pool = late_pool = pool_create(POOL_BLOCK);

    pool_on_destroy(pool, note, (void *)(uintptr_t) "first ");
    pool_on_destroy(pool, note_and_add, (void *)(uintptr_t) "second ");
    pool_on_destroy(pool, note, (void *)(uintptr_t) "third ");
    pool_destroy(pool);
    is_str(trace, "third second latefirst ", "newest first, one added on the way included");
}

static void memory_is_aligned_and_apart(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    static unsigned char *items[300];
    bool aligned = true, intact = true;

    for (size_t i = 0; i < COUNT(items); i++) {
        pool_bytes(pool, i % 7 + 1);
        items[i] = pool_alloc(pool, i * 11 + 1);
        aligned = aligned && (uintptr_t)items[i] % 16 == 0;
        memset(items[i], (int)i, i * 11 + 1);
    }
    for (size_t i = 0; i < COUNT(items); i++)
        for (size_t j = 0; j < i * 11 + 1; j++)
            intact = intact && items[i][j] == (unsigned char)i;
    ok(aligned, "sixteen-byte alignment");
    ok(intact, "no two overlap");
    pool_destroy(pool);
}

static void blocks_are_recycled(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    void *before;

    before = pool_alloc(pool, 100);
    pool_destroy(pool);
    pool = pool_create(POOL_BLOCK);
    ok(pool_alloc(pool, 100) == before, "the block given back last is taken first");
    is_int((int64_t)pool_footprint(pool), POOL_BLOCK, "one block");
    pool_alloc(pool, 3000);
    ok(pool_footprint(pool) >= POOL_BLOCK + 3000, "a large piece counts");
    pool_destroy(pool);
    pool_trim(0);
    ok(true, "trimmed");
}

static void small_pools_grow_by_doubling(void)
{
    struct pool *pool = pool_create(POOL_SMALL);
    void *before = pool_alloc(pool, 100);

    pool_destroy(pool);
    pool = pool_create(POOL_SMALL);
    ok(pool_alloc(pool, 100) == before, "small blocks are recycled too");
    is_int((int64_t)pool_footprint(pool), POOL_SMALL, "a small one");
    memset(pool_alloc(pool, 900), 1, 900);
    is_int((int64_t)pool_footprint(pool), 3 * POOL_SMALL, "then one of twice its size");
    memset(pool_alloc(pool, 2000), 1, 2000);
    is_int((int64_t)pool_footprint(pool), 3 * POOL_SMALL + POOL_BLOCK, "up to the largest");
    memset(pool_alloc(pool, 2000), 1, 2000);
    memset(pool_alloc(pool, 2000), 1, 2000);
    is_int((int64_t)pool_footprint(pool), 3 * POOL_SMALL + 2 * POOL_BLOCK +
           (pool_footprint(pool) > 3 * POOL_SMALL + 2 * POOL_BLOCK ? POOL_BLOCK : 0),
           "and no further");
    pool_destroy(pool);
    pool = pool_create(POOL_SMALL);
    memset(pool_alloc(pool, 2048), 1, 2048);
    is_int((int64_t)pool_footprint(pool), POOL_SMALL + POOL_BLOCK, "one that a piece fits in");
    pool_destroy(pool);
}

static void zeroed_memory_is_zero(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    bool zero = true;

    memset(pool_alloc(pool, 2000), 0xff, 2000);
    pool_destroy(pool);
    pool = pool_create(POOL_BLOCK);
    for (int i = 0; i < 10; i++) {
        const char *p = pool_zalloc(pool, 500);
        for (int j = 0; j < 500; j++)
            zero = zero && p[j] == 0;
    }
    ok(zero, "also in a recycled block");
    pool_destroy(pool);
}

static void text_is_copied(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct str s = pool_str(pool, STR("abc"));
    char long_text[5000];

    is_slice(s, "abc", "a copy");
    is_int(s.data[3], 0, "with a NUL behind");
    is_str(pool_cstr(pool, STR("xyz")), "xyz", "as a C string");
    is_slice(pool_str(pool, STR_NONE), "", "none becomes empty");
    is_slice(pool_printf(pool, "%d-%s", 5, "x"), "5-x", "printf");
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    is_slice(pool_printf(pool, "%s", long_text), long_text, "printf of more than a block");
    pool_destroy(pool);
}

static void absurd_sizes_fail(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);

    ok(pool_try_alloc(pool, SIZE_MAX) == NULL, "SIZE_MAX");
    ok(pool_try_alloc(pool, SIZE_MAX - 8) == NULL, "almost SIZE_MAX");
    ok(pool_try_alloc(pool, 100) != NULL, "and the pool still works");
    pool_destroy(pool);
}

#ifdef POISON_ON
static void misuse_is_poisoned(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    char *p = pool_alloc(pool, 20);
    char *q = pool_bytes(pool, 5);

    ok(!__asan_address_is_poisoned(p + 19), "the last byte asked for may be touched");
    ok(__asan_address_is_poisoned(p + 20), "the next may not");
    ok(__asan_address_is_poisoned(q + 5), "nor the one after text");
    pool_destroy(pool);
    ok(__asan_address_is_poisoned(p), "nothing may after the pool's end");
}
#else
/* Runs with little address space; returns 0 when all went as promised. */
static int live_on_the_reserve(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct rlimit limit = {64 << 20, 64 << 20};
    int more;

    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return 1;
    for (int i = 0; !pool_low(); i++) {
        if (i > 100000)
            return 2;
        memset(pool_alloc(pool, 3000), 1, 3000);
    }
    for (more = 0; more < 100; more++) /* a reserve worth its name */
        memset(pool_alloc(pool, 3000), 1, 3000);
    if (pool_try_alloc(pool, 32 << 20) != NULL)
        return 3;
    pool_destroy(pool);
    return pool_low() ? 4 : 0;
}

static void lives_on_the_reserve(void)
{
    pid_t child = fork();
    int status = 0;

    if (child == 0)
        _exit(live_on_the_reserve());
    waitpid(child, &status, 0);
    is_int(status, 0, "low when malloc fails, alive, and well again after the memory came back");
}
#endif

static void arrays_grow(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct array numbers = array_of(int, pool);
    int sum = 0, visited = 0;

    EACH(int, n, &numbers) visited++;
    is_int(visited, 0, "nothing in an empty array");
    for (int i = 0; i < 1000; i++) {
        int *n = array_push(&numbers);
        visited += *n;
        *n = i;
    }
    is_int(visited, 0, "new items are zero");
    EACH(int, n, &numbers) sum += *n;
    is_int(sum, 499500, "all are there");
    is_int(*(int *)array_at(&numbers, 999), 999, "in their places");
    pool_destroy(pool);
}

int main(void)
{
    cleanups_run_newest_first();
    memory_is_aligned_and_apart();
    blocks_are_recycled();
    small_pools_grow_by_doubling();
    zeroed_memory_is_zero();
    text_is_copied();
    absurd_sizes_fail();
#ifdef POISON_ON
    misuse_is_poisoned();
#else
    lives_on_the_reserve();
#endif
    arrays_grow();
    return tap_done();
}
