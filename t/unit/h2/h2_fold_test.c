/*
 * t/unit/h2/h2_fold_test.c - what is folded up is the same again, at the same place.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t/unit/rnd.h"
#include "t/unit/tap.h"
#include "worker/h2/h2_fold.h"

#define BLOCKS 6

static const size_t sizes[BLOCKS] = {2928, 1024, 1024, 4096, 48, 16394};

/* `some` bytes in a hundred are not zero. */
static void scatter(char *into, size_t bytes, uint32_t some)
{
    memset(into, 0, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (rnd(100) < some)
            into[i] = (char)rnd(256);
}

static size_t resident(const void *p, size_t bytes)
{
    size_t page = (size_t)getpagesize(), pages, in = 0;
    uintptr_t first = (uintptr_t)p / page * page;
    unsigned char map[64];

    pages = ((uintptr_t)p + bytes - first + page - 1) / page;
    if (pages > sizeof(map) || mincore((void *)first, pages * page, map) != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < pages; i++)
        in += map[i] & 1;
    return in;
}

static void stays_the_same(uint32_t some, const char *what)
{
    static char copies[BLOCKS][16394];
    nghttp2_mem mem;
    struct h2_fold *fold = h2_fold_take(&mem);
    char *blocks[BLOCKS], *other;
    bool same = true, gone;

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = mem.malloc(sizes[i], mem.mem_user_data);
        same &= (uintptr_t)blocks[i] % 16 == 0;
        scatter(blocks[i], sizes[i], some);
    }
    h2_fold_made(fold);
    other = mem.calloc(10, 10, mem.mem_user_data);
    strcpy(other, "elsewhere");
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < BLOCKS; i++)
            memcpy(copies[i], blocks[i], sizes[i]);
        h2_fold_close(fold);
        h2_fold_close(fold);
        gone = resident(blocks[0], 25000) <= 1; /* a page may be shared with the place before */
        same &= gone && strcmp(other, "elsewhere") == 0;
        h2_fold_open(fold);
        h2_fold_open(fold);
        for (int i = 0; i < BLOCKS; i++)
            same &= memcmp(copies[i], blocks[i], sizes[i]) == 0;
        scatter(blocks[turn], sizes[turn], some);
    }
    ok(same, what);
    mem.free(other, mem.mem_user_data);
    for (int i = 0; i < BLOCKS; i++)
        mem.free(blocks[i], mem.mem_user_data);
    h2_fold_give(fold);
}

static void allocates(void)
{
    nghttp2_mem mem;
    struct h2_fold *fold = h2_fold_take(&mem);
    char *small = mem.realloc(NULL, 100, mem.mem_user_data), *grown, *large;
    int *zeros;
    bool clear = true;

    memset(small, 'x', 100);
    grown = mem.realloc(small, 40000, mem.mem_user_data);
    ok(grown != small && grown[0] == 'x' && grown[99] == 'x', "grows out of its place");
    grown = mem.realloc(grown, 80000, mem.mem_user_data);
    ok(grown[99] == 'x', "and again");
    large = mem.malloc(100000, mem.mem_user_data);
    ok(large != NULL, "more than a place");
    mem.free(NULL, mem.mem_user_data);
    mem.free(grown, mem.mem_user_data);
    mem.free(large, mem.mem_user_data);
    h2_fold_give(fold);

    fold = h2_fold_take(&mem);
    zeros = mem.calloc(1000, sizeof(*zeros), mem.mem_user_data);
    for (int i = 0; i < 1000; i++)
        clear &= zeros[i] == 0;
    ok(clear, "a place that was used is clear");
    h2_fold_give(fold);
}

static void many(void)
{
    struct h2_fold *folds[200];
    char *each[200];
    nghttp2_mem mem;
    bool good = true;

    for (int i = 0; i < 200; i++) {
        folds[i] = h2_fold_take(&mem);
        each[i] = mem.malloc(1000, mem.mem_user_data);
        memset(each[i], i + 1, 1000);
        h2_fold_made(folds[i]);
        if (i % 2 == 0)
            h2_fold_close(folds[i]);
    }
    for (int i = 0; i < 200; i++) {
        h2_fold_open(folds[i]);
        good &= each[i][0] == (char)(i + 1) && each[i][999] == (char)(i + 1);
        h2_fold_give(folds[i]);
    }
    ok(good, "each has its own");
}

int main(void)
{
    stays_the_same(0, "nothing but zeros");
    stays_the_same(1, "few bytes");
    stays_the_same(20, "more");
    stays_the_same(100, "nearly no zero");
    allocates();
    many();
    return tap_done();
}
