/*
 * common/array.c - doubling growth; what was outgrown stays in the pool until it dies.
 */
#include "common/array.h"

static void grow(struct array *a)
{
    size_t cap = a->cap == 0 ? 8 : a->cap * 2;
    void *items;

    must(cap <= SIZE_MAX / 2 / a->item_bytes);
    items = pool_alloc(a->pool, cap * a->item_bytes);
    if (a->count > 0)
        memcpy(items, a->items, a->count * a->item_bytes);
    a->items = items;
    a->cap = cap;
}

void *array_push(struct array *a)
{
    if (a->count == a->cap)
        grow(a);
    return memset((char *)a->items + a->count++ * a->item_bytes, 0, a->item_bytes);
}
