/*
 * t/unit/limit/key_zone_test.c - keys in a zone: found, forgotten in order, whole after a death.
 */
#include "worker/limit/key_zone.h"

#include <stdio.h>

#include "common/slab_check.h"
#include "t/unit/stepped.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static const struct zone_kind kind = {"keys", 1, key_zone_init, key_zone_repair, NULL};

static struct zone *make(size_t bytes)
{
    const char *why;
    struct zone *z = zone_create(&kind, STR("keys"), bytes, &why);

    must(z != NULL);
    return z;
}

static struct str key_of(char *text, size_t room, int n)
{
    return (struct str){text, (size_t)snprintf(text, room, "key-%d", n)};
}

static struct key_node *add(struct zone *z, int n)
{
    char text[32];

    return key_zone_add(z, key_of(text, sizeof(text), n));
}

static struct key_node *find(struct zone *z, int n)
{
    char text[32];

    return key_zone_find(z, key_of(text, sizeof(text), n));
}

static uint32_t count_in_order(struct zone *z)
{
    uint32_t count = 0;

    for (struct key_node *node = key_zone_oldest(z); node != NULL; node = key_zone_newer(z, node))
        count++;
    return count;
}

static void keys_are_found_and_forgotten(void)
{
    struct zone *z = make(1 << 20);
    int wrong = 0;

    for (int i = 0; i < 2000; i++)
        add(z, i)->excess = i;
    for (int i = 0; i < 2000; i += 2)
        key_zone_remove(z, find(z, i));
    for (int i = 0; i < 2000; i++) {
        struct key_node *node = find(z, i);

        wrong += (node != NULL) != (i % 2 != 0) || (node != NULL && node->excess != i);
    }
    is_int(wrong, 0, "each key has its record, until it is removed");
    is_int(count_in_order(z), 1000, "all are in the order of use");
    ok(key_zone_oldest(z) == find(z, 1), "the first added is the longest unused");
    key_zone_touch(z, find(z, 1));
    ok(key_zone_oldest(z) == find(z, 3), "until it is used");
    key_zone_touch(z, find(z, 1));
    is_int(count_in_order(z), 1000, "again, too");
    ok(key_zone_find(z, STR("")) == NULL, "the empty key is just another");
    is_str(slab_check(zone_slab(z)), NULL, "the memory is in order");
    zone_destroy(z);
}

static void a_full_zone_has_room_again(void)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    int n = 0;

    while (add(z, n) != NULL)
        n++;
    ok(n > 100, "it holds some keys");
    key_zone_remove(z, key_zone_oldest(z));
    ok(add(z, n) != NULL, "one forgotten makes room for one");
    ok(find(z, 0) == NULL && find(z, n) != NULL, "for that one");
    zone_destroy(z);
}

/* What a worker may be in the midst of when it dies. */
static void change(void *arg)
{
    struct zone *z = arg;

    zone_lock(z);
    add(z, 1001);
    key_zone_touch(z, find(z, 2));
    key_zone_remove(z, find(z, 1));
    zone_unlock(z);
}

static const char *fault_after_death_at(long n)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    const char *fault = NULL;
    uint32_t chained = 0;

    for (int i = 0; i < 4; i++)
        add(z, i);
    stepped_kill_at(change, z, n);
    zone_lock(z);
    for (int i = 0; i < 1002; i++)
        chained += find(z, i) != NULL;
    if (find(z, 0) == NULL || find(z, 2) == NULL || find(z, 3) == NULL)
        fault = "a key is lost";
    else if (count_in_order(z) != chained)
        fault = "the order of use has others than the chains";
    else if (find(z, 1) != NULL && find(z, 1)->key_len != 5)
        fault = "a record is spoilt";
    else
        fault = slab_check(zone_slab(z));
    if (fault == NULL && z->header->emptied > 0)
        fault = "it was emptied";
    if (fault == NULL && (add(z, 2000) == NULL || find(z, 2000) == NULL))
        fault = "no key can be added";
    zone_unlock(z);
    zone_destroy(z);
    return fault;
}

static void a_death_at_any_instruction_leaves_it_whole(void)
{
    struct zone *z = make(ZONE_MIN_BYTES);
    const char *fault = NULL;
    long total;

    for (int i = 0; i < 4; i++)
        add(z, i);
    total = stepped_count(change, z);
    zone_destroy(z);
    printf("# %ld instructions\n", total);
    for (long n = 1; n < total && fault == NULL; n += 1 + total / 40) {
        fault = fault_after_death_at(n);
        if (fault != NULL)
            printf("# after instruction %ld\n", n);
    }
    is_str(fault, NULL, "a death at any instruction leaves it whole");
}

int main(void)
{
    alarm(290);
    keys_are_found_and_forgotten();
    a_full_zone_has_room_again();
    a_death_at_any_instruction_leaves_it_whole();
    return tap_done();
}
