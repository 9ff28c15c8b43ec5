/*
 * t/unit/vars/host_table_test.c - which of several names with wildcards a host belongs to.
 */
#include "worker/vars/host_table.h"

#include "t/unit/tap.h"

static const char *const names[] = {
    "example.com", "*.example.com", "*.deep.example.com", ".both.test", "www.example.*", "www.*",
    "Upper.Case", "nodot",
};

static struct host_table table;

static void is_found(const char *host, const char *expected)
{
    const char *found = host_table_find(&table, str_of(host));

    is_str(found, expected, host);
}

static void refuses_what_is_malformed(struct pool *pool)
{
    static const char *const bad[] = {"*", "a*", "*a", "a.*.b", "*.*", "a..b", "*.", ".*", "w*.x"};
    struct host_table t;

    host_table_init(&t, pool);
    for (size_t i = 0; i < COUNT(bad); i++)
        ok(!host_table_add(&t, str_of(bad[i]), &t), bad[i]);
}

static void tells_of_a_name_that_comes_twice(struct pool *pool)
{
    struct host_table t;
    int first, second;

    host_table_init(&t, pool);
    host_table_add(&t, STR(".a.test"), &first);
    host_table_add(&t, STR("A.test"), &second);
    ok(host_table_build(&t, pool) == &second, "the second of two is told");
}

int main(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);

    host_table_init(&table, pool);
    ok(host_table_find(&table, STR("a")) == NULL, "nothing in an empty table");
    for (size_t i = 0; i < COUNT(names); i++)
        must(host_table_add(&table, str_of(names[i]), (void *)(uintptr_t)names[i]));
    must(host_table_build(&table, pool) == NULL);
    is_found("example.com", "example.com");
    is_found("EXAMPLE.com", "example.com");
    is_found("a.example.com", "*.example.com");
    is_found("a.b.example.com", "*.example.com");
    is_found("deep.example.com", "*.example.com");
    is_found("x.deep.example.com", "*.deep.example.com");
    is_found("both.test", ".both.test");
    is_found("a.both.test", ".both.test");
    is_found("www.example.org", "www.example.*");
    is_found("www.example.co.uk", "www.example.*");
    is_found("www.other.org", "www.*");
    is_found("upper.case", "Upper.Case");
    is_found("nodot", "nodot");
    is_found("notexample.com", NULL);
    is_found("www", NULL);
    is_found("", NULL);
    refuses_what_is_malformed(pool);
    tells_of_a_name_that_comes_twice(pool);
    pool_destroy(pool);
    return tap_done();
}
