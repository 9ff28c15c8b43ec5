/*
 * t/unit/common/hash_test.c - tables from text to pointers.
 */
#include "common/hash.h"
#include "t/unit/tap.h"

static struct hash_item items[3000];

static void fill(struct pool *pool)
{
    for (size_t i = 0; i < COUNT(items); i++)
        items[i] = (struct hash_item){pool_printf(pool, "X-Key-%zu", i), &items[i]};
}

static void finds_what_is_there(void)
{
    struct pool *pool = pool_create(65536);
    struct hash exact, nocase, empty;
    bool found = true, absent = true, folded = true;

    fill(pool);
    ok(hash_build(&exact, pool, items, COUNT(items), false, NULL), "exact");
    ok(hash_build(&nocase, pool, items, COUNT(items), true, NULL), "whatever the case");
    ok(hash_build(&empty, pool, NULL, 0, false, NULL), "empty");
    for (size_t i = 0; i < COUNT(items); i++) {
        struct str key = pool_printf(pool, "x-kEY-%zu", i);

        found = found && hash_find(&exact, items[i].key) == &items[i];
        absent = absent && hash_find(&exact, key) == NULL;
        folded = folded && hash_find(&nocase, key) == &items[i] &&
                 hash_find_hashed(&nocase, key, str_hash_nocase(key)) == &items[i];
    }
    ok(found, "every key");
    ok(absent, "not in another case");
    ok(folded, "in any case where that is wanted");
    ok(hash_find(&exact, STR("nothing")) == NULL && hash_find(&exact, STR_NONE) == NULL, "absent");
    ok(hash_find(&empty, STR("x")) == NULL, "nothing in an empty table");
    pool_destroy(pool);
}

static void refuses_twins(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct hash h;
    size_t twin = 0;
    int value;
    struct hash_item few[] = {{STR_INIT("a"), &value}, {STR_INIT("B"), &value},
                              {STR_INIT("b"), &value}, {STR_INIT(""), &value}};

    ok(!hash_build(&h, pool, few, COUNT(few), true, &twin) && twin == 2, "says which");
    ok(hash_build(&h, pool, few, COUNT(few), false, &twin), "apart by case");
    ok(hash_find(&h, STR("")) == &value, "the empty key");
    pool_destroy(pool);
}

int main(void)
{
    finds_what_is_there();
    refuses_twins();
    return tap_done();
}
