/*
 * worker/proxy/name_set.h - sets of field names: a bit for each known one, a hash for the others.
 */
#pragma once

#include "common/array.h"
#include "common/hash.h"
#include "worker/codec/field.h"

struct name_set {
    uint64_t ids[(FIELD_IDS + 63) / 64];
    struct hash others;           /* names without an id */
};

/* Config time: the set of these names (struct str), which it keeps pointing to. */
void name_set_build(struct name_set *set, struct pool *pool, const struct array *names);

/* Whatever its case; `id` is field_find_id(name). */
bool name_set_has(const struct name_set *set, struct str name, uint8_t id);

/* Lists of names (struct str) from which sets are made. */
bool name_list_has(const struct array *names, struct str name);
void name_list_add(struct array *names, struct str name); /* unless it is there */
