/*
 * worker/proxy/name_set.c - sets of field names.
 */
#include "worker/proxy/name_set.h"

void name_set_build(struct name_set *set, struct pool *pool, const struct array *names)
{
    struct hash_item *items = pool_alloc(pool, (names->count + 1) * sizeof(*items));
    size_t count = 0;

    memset(set, 0, sizeof(*set));
    EACH (struct str, name, names) {
        enum field_id id = field_find_id(*name);

        if (id == FIELD_OTHER)
            items[count++] = (struct hash_item){.key = *name, .value = set};
        else
            set->ids[id / 64] |= UINT64_C(1) << (id % 64);
    }
    if (count > 0)
        must(hash_build(&set->others, pool, items, count, true, NULL));
}

bool name_set_has(const struct name_set *set, struct str name, uint8_t id)
{
    if (id != FIELD_OTHER)
        return (set->ids[id / 64] >> (id % 64) & 1) != 0;
    return set->others.count > 0 && hash_find(&set->others, name) != NULL;
}

bool name_list_has(const struct array *names, struct str name)
{
    EACH (struct str, n, names)
        if (str_eq_nocase(*n, name))
            return true;
    return false;
}

void name_list_add(struct array *names, struct str name)
{
    if (!name_list_has(names, name))
        *(struct str *)array_push(names) = name;
}
