/*
 * t/unit/limit/allow_deny_test.c - the first rule that names an address decides.
 */
#include "t/unit/tap.h"

#include "worker/limit/allow_deny.h"

static struct pool *pool;

/* "+10.0.0.0/8" allows, "-all" denies. */
static struct allow_deny *rules_of(const char *const *texts)
{
    struct allow_deny *rules = NULL;

    for (; *texts != NULL; texts++) {
        struct conf_word word = {.text = str_of(*texts + 1)};
        struct conf_call call = {.pool = pool, .args = &word, .count = 1};

        if (!allow_deny_load(&call, &rules, **texts == '-'))
            return NULL;
    }
    return rules;
}

static enum allow_answer ask(const struct allow_deny *rules, const char *text)
{
    struct addr addr = {.sa.sa_family = AF_UNIX};

    if (strcmp(text, "unix") != 0 && !addr_parse_ip(&addr, str_of(text)))
        return ALLOW_UNDECIDED;
    return allow_deny_ask(rules, &addr);
}

static void the_first_that_fits(void)
{
    static const char *const texts[] = {"-10.1.0.0/16", "+10.0.0.0/8", "-192.0.2.1",
                                        "+2001:db8::/33", "-2001:db8::/32", "+unix:",
                                        "-10.1.2.3", NULL};
    const struct allow_deny *rules = rules_of(texts);

    is_int(ask(rules, "10.1.2.3"), ALLOW_NO, "inside the first");
    is_int(ask(rules, "10.2.2.3"), ALLOW_YES, "inside the second only");
    is_int(ask(rules, "192.0.2.1"), ALLOW_NO, "an address alone");
    is_int(ask(rules, "192.0.2.2"), ALLOW_UNDECIDED, "its neighbour");
    is_int(ask(rules, "::ffff:192.0.2.1"), ALLOW_NO, "mapped into IPv6");
    is_int(ask(rules, "2001:db8:7fff::1"), ALLOW_YES, "IPv6, the lower half");
    is_int(ask(rules, "2001:db8:8000::1"), ALLOW_NO, "the upper half");
    is_int(ask(rules, "2001:db9::1"), ALLOW_UNDECIDED, "outside");
    is_int(ask(rules, "unix"), ALLOW_YES, "a unix socket");
}

static void all_is_every_family(void)
{
    static const char *const texts[] = {"+10.0.0.0/8", "-all", "+all", NULL};
    const struct allow_deny *rules = rules_of(texts);

    is_int(ask(rules, "10.0.0.1"), ALLOW_YES, "what comes before it");
    is_int(ask(rules, "11.0.0.1"), ALLOW_NO, "IPv4");
    is_int(ask(rules, "::1"), ALLOW_NO, "IPv6");
    is_int(ask(rules, "unix"), ALLOW_NO, "unix sockets");
}

int main(void)
{
    pool = pool_create(65536);
    the_first_that_fits();
    all_is_every_family();
    pool_destroy(pool);
    return tap_done();
}
