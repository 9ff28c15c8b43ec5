/*
 * common/hash.c - a read-only table from text to pointers, built once at load.
 */
#include "common/hash.h"

struct hash_slot {
    const char *data;
    uint32_t len;
    uint32_t tag;  /* upper half of the hash; the lower chose the slot */
    void *value;   /* NULL: free */
};

static bool same_key(const struct hash *h, const struct hash_slot *slot, struct str key)
{
    struct str have = {slot->data, slot->len};

    return h->nocase ? str_eq_nocase(have, key) : str_eq(have, key);
}

/* The slot that holds the key, or the free one where it would go. */
static inline struct hash_slot *probe(const struct hash *h, struct str key, uint64_t hashed)
{
    uint32_t tag = (uint32_t)(hashed >> 32);

    for (uint32_t i = (uint32_t)hashed;; i++) {
        struct hash_slot *slot = &h->slots[i & h->mask];

        if (slot->value == NULL ||
            (slot->tag == tag && slot->len == key.len && same_key(h, slot, key)))
            return slot;
    }
}

static uint64_t hash_of(const struct hash *h, struct str key)
{
    return h->nocase ? str_hash_nocase(key) : str_hash(key);
}

bool hash_build(struct hash *h, struct pool *pool, const struct hash_item *items, size_t count,
                bool nocase, size_t *duplicate)
{
    size_t slots = 4;

    must(count < UINT32_MAX / 4);
    while (slots < count * 2)
        slots *= 2;
    *h = (struct hash){.mask = (uint32_t)slots - 1, .count = (uint32_t)count, .nocase = nocase};
    if (count == 0)
        return true;
    h->slots = pool_zalloc(pool, slots * sizeof(*h->slots));
    for (size_t i = 0; i < count; i++) {
        uint64_t hashed = hash_of(h, items[i].key);
        struct hash_slot *slot = probe(h, items[i].key, hashed);

        must(items[i].value != NULL && items[i].key.len <= UINT32_MAX);
        if (slot->value != NULL) {
            if (duplicate != NULL)
                *duplicate = i;
            return false;
        }
        *slot = (struct hash_slot){.data = items[i].key.data,
                                   .len = (uint32_t)items[i].key.len,
                                   .tag = (uint32_t)(hashed >> 32),
                                   .value = items[i].value};
    }
    return true;
}

void *hash_find_hashed(const struct hash *h, struct str key, uint64_t hashed)
{
    return h->slots == NULL ? NULL : probe(h, key, hashed)->value;
}

void *hash_find(const struct hash *h, struct str key)
{
    return h->slots == NULL ? NULL : probe(h, key, hash_of(h, key))->value;
}
