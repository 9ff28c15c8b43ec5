/*
 * common/hash.h - a read-only table from text to pointers, built once at load.
 *
 * Open addressing, at most half full, hash and length kept beside each key: a miss costs one cache
 * line and compares no text.
 */
#pragma once

#include "common/pool.h"

struct hash_item {
    struct str key;  /* by reference: must live as long as the table */
    void *value;     /* not NULL */
};

struct hash {
    struct hash_slot *slots; /* NULL when empty */
    uint32_t mask;
    uint32_t count;
    bool nocase;             /* keys match whatever their ASCII case */
};

/* Builds the table in the pool. False when a key comes twice: *duplicate is the index of the second
   (may be NULL), and the table is unusable. */
bool hash_build(struct hash *h, struct pool *pool, const struct hash_item *items, size_t count,
                bool nocase, size_t *duplicate);

/* NULL when absent. */
void *hash_find(const struct hash *h, struct str key);

/* The same with the key's str_hash (str_hash_nocase for a nocase table) already at hand. */
void *hash_find_hashed(const struct hash *h, struct str key, uint64_t hashed);
