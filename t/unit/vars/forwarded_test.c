/*
 * t/unit/vars/forwarded_test.c - how far back along a list of addresses trust goes.
 */
#include "worker/vars/forwarded.h"

#include "common/radix.h"
#include "t/unit/tap.h"

static struct trusted trusted;

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static void add(const char *network)
{
    struct cidr *cidr = array_push(&trusted.cidrs);
    bool host_bits;

    must(addr_parse_cidr(&cidr->addr, &cidr->prefix, str_of(network), &host_bits));
}

static void is_from(const char *peer, const char *list, bool recursive, const char *expected)
{
    struct addr addr;
    char text[ADDR_TEXT];
    bool moved;
    size_t len;

    must(addr_parse_ip(&addr, str_of(peer)));
    moved = forwarded_addr(&trusted, str_of(list), recursive, &addr);
    len = addr_print_host(&addr, text, sizeof(text));
    is_slice(((struct str){text, len}), expected, list);
    ok(moved == (strcmp(peer, expected) != 0), "and says whether it went back");
}

int main(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);

    trusted_init(&trusted, pool);
    add("10.0.0.0/8");
    add("fd00::/8");
    trusted_build(&trusted, pool);
    is_from("192.0.2.9", "192.0.2.1", true, "192.0.2.9");
    is_from("10.0.0.1", "192.0.2.1", false, "192.0.2.1");
    is_from("10.0.0.1", "192.0.2.1, 10.0.0.2", false, "10.0.0.2");
    is_from("10.0.0.1", "192.0.2.1, 10.0.0.2", true, "192.0.2.1");
    is_from("10.0.0.1", "1.1.1.1,192.0.2.1,10.0.0.3 10.0.0.2", true, "192.0.2.1");
    is_from("10.0.0.1", "10.0.0.4, 10.0.0.3", true, "10.0.0.4");
    is_from("10.0.0.1", "unknown, 10.0.0.3", true, "10.0.0.3");
    is_from("10.0.0.1", "unknown", true, "10.0.0.1");
    is_from("10.0.0.1", "", true, "10.0.0.1");
    is_from("10.0.0.1", " , ,", true, "10.0.0.1");
    is_from("fd00::1", "[2001:db8::1]:80", true, "2001:db8::1");
    is_from("fd00::1", "2001:db8::1", true, "2001:db8::1");
    is_from("fd00::1", "192.0.2.1:99", true, "192.0.2.1");
    pool_destroy(pool);
    return tap_done();
}
