/*
 * common/growing_map.h - text to pointer, insert only, for what is built while a config loads.
 */
#pragma once

#include "common/pool.h"

struct growing_map_slot {
    struct str key;     /* data NULL: free */
    uint32_t hash;
    void *value;
};

struct growing_map {
    struct pool *pool;
    struct growing_map_slot *slots;
    uint32_t count;
    uint32_t room;      /* a power of two, or 0 */
};

static inline void growing_map_init(struct growing_map *map, struct pool *pool)
{
    *map = (struct growing_map){.pool = pool};
}

/* The value stored under key, or NULL. */
void *growing_map_find(const struct growing_map *map, struct str key);

/* Where the value for key is, NULL in a new entry. The key's bytes must outlive the map; the
   result is good until the next call. */
void **growing_map_at(struct growing_map *map, struct str key);
