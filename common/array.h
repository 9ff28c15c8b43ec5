/*
 * common/array.h - a growing array of one item type, in a pool.
 *
 *     struct array names = array_of(struct str, pool);
 *     *(struct str *)array_push(&names) = STR("a");
 *     EACH(struct str, name, &names) use(*name);
 */
#pragma once

#include "common/pool.h"

struct array {
    void *items;
    size_t count;
    size_t cap;
    size_t item_bytes;
    struct pool *pool;
};

#define array_of(type, in_pool) ((struct array){.item_bytes = sizeof(type), .pool = (in_pool)})

/* A new zeroed item at the end. Earlier items may move: hold indices, not pointers. */
void *array_push(struct array *a);

static inline void *array_at(const struct array *a, size_t i)
{
    assert(i < a->count);
    return (char *)a->items + i * a->item_bytes;
}

#define EACH(type, name, array)                                                                    \
    for (type *name = (array)->items;                                                              \
         name != NULL && name != (type *)(array)->items + (array)->count; name++)
