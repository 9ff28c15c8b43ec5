/*
 * t/fuzz/codec/memcache_fuzz.c - any bytes as a reply of memcached: what comes later never changes
 * what was read, and slices stay within the line.
 */
#include <stdlib.h>

#include "worker/codec/memcache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct memcache_head *a, const struct memcache_head *b)
{
    return a->bytes == b->bytes && str_eq(a->key, b->key) && a->flags == b->flags &&
           a->length == b->length && a->fault == b->fault;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memcache_head whole, part;
    enum memcache_result result = memcache_read(&whole, (struct str){(const char *)data, size});
    bool line = size > 0 && memchr(data, '\n', size) != NULL;

    must((result == MEMCACHE_MORE) == !line);
    must((result == MEMCACHE_BAD) == (whole.fault != NULL));
    must(result != MEMCACHE_VALUE || whole.length >= 0);
    for (size_t len = 0; len <= MIN(size, 64); len++) {
        char *copy = malloc(len + 1);

        if (len > 0)
            memcpy(copy, data, len);
        if (memcache_read(&part, (struct str){copy, len}) != MEMCACHE_MORE)
            must(same(&part, &whole));
        free(copy);
    }
    return 0;
}
