/*
 * t/unit/common/radix_test.c - the longest prefix wins, as in a plain search of all networks.
 */
#include "common/radix.h"
#include "t/unit/tap.h"

static char values[4096];

static struct addr ip(const char *text)
{
    struct addr a;

    if (!addr_parse_ip(&a, str_of(text)))
        printf("Bail out! %s\n", text);
    return a;
}

static void *add(struct radix *r, const char *text, int prefix, int value)
{
    struct addr a = ip(text);

    return radix_add(r, &a, prefix, value < 0 ? NULL : &values[value]);
}

/* The index of the value, -1 for none. */
static int find(const struct radix *r, const char *text)
{
    struct addr a = ip(text);
    char *value = radix_find(r, &a);

    return value == NULL ? -1 : (int)(value - values);
}

static void the_longest_prefix_wins(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct radix *r = radix_create(pool);
    struct addr unix_addr = {.len = 2};

    add(r, "10.0.0.0", 8, 1);
    add(r, "10.1.0.0", 16, 2);
    add(r, "10.1.2.3", 32, 3);
    add(r, "255.255.255.255", 32, 4);
    add(r, "2001:db8::", 32, 5);
    add(r, "2001:db8::1", 128, 6);
    add(r, "10.9.0.0", 16, 7);
    ok(add(r, "10.9.0.0", 16, 8) == &values[7], "the old value of a network");
    add(r, "10.8.0.0", 16, 9);
    ok(add(r, "10.8.0.0", 16, -1) == &values[9], "of one that is taken out");
    radix_build(r);
    is_int(find(r, "10.0.0.0"), 1, "first of its network");
    is_int(find(r, "10.255.255.255"), 1, "last of its network");
    is_int(find(r, "9.255.255.255"), -1, "before it");
    is_int(find(r, "11.0.0.0"), -1, "after it");
    is_int(find(r, "10.1.2.2"), 2, "inner");
    is_int(find(r, "10.1.2.3"), 3, "innermost");
    is_int(find(r, "10.1.2.4"), 2, "inner again");
    is_int(find(r, "10.2.0.0"), 1, "outer again");
    is_int(find(r, "10.9.1.1"), 8, "the last value counts");
    is_int(find(r, "10.8.1.1"), 1, "taken out");
    is_int(find(r, "255.255.255.255"), 4, "the last address of all");
    is_int(find(r, "2001:db8::1"), 6, "v6");
    is_int(find(r, "2001:db8:ffff::"), 5, "v6, outer");
    is_int(find(r, "2001:db9::"), -1, "v6, outside");
    is_int(find(r, "::ffff:10.1.2.3"), 3, "mapped v4");
    unix_addr.sa.sa_family = AF_UNIX;
    ok(radix_find(r, &unix_addr) == NULL, "unix");
    pool_destroy(pool);
}

static void everything_and_nothing(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct radix *r = radix_create(pool);

    radix_build(r);
    is_int(find(r, "1.2.3.4"), -1, "an empty list, v4");
    is_int(find(r, "::1"), -1, "an empty list, v6");
    r = radix_create(pool);
    add(r, "0.0.0.0", 0, 1);
    add(r, "::", 0, 2);
    radix_build(r);
    is_int(find(r, "0.0.0.0"), 1, "all of v4");
    is_int(find(r, "255.255.255.255"), 1, "to its end");
    is_int(find(r, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 2, "all of v6");
    radix_create(pool);
    pool_destroy(pool);
}

static void ranges_become_networks(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct radix *r = radix_create(pool);
    struct addr first = ip("10.0.0.3"), last = ip("10.0.1.129");
    struct addr zero = ip("0.0.0.0"), end = ip("255.255.255.255"), v6 = ip("::1");

    ok(radix_add_range(r, &first, &last, &values[1]), "a range");
    ok(!radix_add_range(r, &last, &first, &values[1]), "not backwards");
    ok(!radix_add_range(r, &first, &v6, &values[1]), "not of two families");
    radix_build(r);
    is_int(find(r, "10.0.0.2"), -1, "before");
    is_int(find(r, "10.0.0.3"), 1, "the first");
    is_int(find(r, "10.0.1.0"), 1, "between");
    is_int(find(r, "10.0.1.129"), 1, "the last");
    is_int(find(r, "10.0.1.130"), -1, "after");
    r = radix_create(pool);
    radix_add_range(r, &zero, &end, &values[2]);
    is_int((int64_t)radix_count(r), 1, "everything is one network");
    radix_build(r);
    is_int(find(r, "1.2.3.4"), 2, "and is found");
    pool_destroy(pool);
}

struct plain {
    uint32_t first;
    int prefix;
};

static void large_lists_agree_with_a_plain_search(void)
{
    static struct plain networks[2000];
    struct pool *pool = pool_create(65536);
    struct radix *r = radix_create(pool);
    uint32_t state = 7;
    int wrong = 0;

    for (size_t i = 0; i < COUNT(networks); i++) {
        struct addr a = ip("0.0.0.0");

        state = state * 1664525 + 1013904223;
        networks[i].prefix = 4 + (int)(state >> 16) % 29;
        state = state * 1664525 + 1013904223;
        networks[i].first = state & ~(uint32_t)((UINT64_C(1) << (32 - networks[i].prefix)) - 1);
        a.in.sin_addr.s_addr = htonl(networks[i].first);
        radix_add(r, &a, networks[i].prefix, &values[i]);
    }
    radix_build(r);
    for (int i = 0; i < 20000; i++) {
        char *best = NULL;
        int best_prefix = -1;
        uint32_t a;

        state = state * 1664525 + 1013904223;
        a = state ^ state >> 15;
        if (i % 2 == 0)
            a = networks[a % COUNT(networks)].first - (uint32_t)(i % 3);
        for (size_t j = 0; j < COUNT(networks); j++)
            if (networks[j].prefix >= best_prefix &&
                (uint64_t)(a ^ networks[j].first) >> (32 - networks[j].prefix) == 0) {
                best = &values[j];
                best_prefix = networks[j].prefix;
            }
        wrong += radix_find_v4(r, a) != best;
    }
    is_int(wrong, 0, "for every address tried");
    pool_destroy(pool);
}

int main(void)
{
    the_longest_prefix_wins();
    everything_and_nothing();
    ranges_become_networks();
    large_lists_agree_with_a_plain_search();
    return tap_done();
}
