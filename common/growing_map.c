/*
 * common/growing_map.c - an open hash table that doubles when it is two thirds full.
 */
#include "common/growing_map.h"

static struct growing_map_slot *slot_of(const struct growing_map *map, struct str key,
                                        uint32_t hash)
{
    uint32_t i = hash & (map->room - 1);

    while (map->slots[i].key.data != NULL &&
           (map->slots[i].hash != hash || !str_eq(map->slots[i].key, key)))
        i = (i + 1) & (map->room - 1);
    return &map->slots[i];
}

static void grow(struct growing_map *map)
{
    struct growing_map_slot *old = map->slots;
    uint32_t old_room = map->room;

    map->room = old_room ? old_room * 2 : 16;
    map->slots = pool_zalloc(map->pool, map->room * sizeof(*map->slots));
    for (uint32_t i = 0; i < old_room; i++)
        if (old[i].key.data != NULL)
            *slot_of(map, old[i].key, old[i].hash) = old[i];
}

void *growing_map_find(const struct growing_map *map, struct str key)
{
    return map->count ? slot_of(map, key, (uint32_t)str_hash(key))->value : NULL;
}

void **growing_map_at(struct growing_map *map, struct str key)
{
    uint32_t hash = (uint32_t)str_hash(key);
    struct growing_map_slot *slot;

    assert(key.data != NULL);
    if (map->count * 3 >= map->room * 2)
        grow(map);
    slot = slot_of(map, key, hash);
    if (slot->key.data == NULL) {
        slot->key = key;
        slot->hash = hash;
        map->count++;
    }
    return &slot->value;
}
