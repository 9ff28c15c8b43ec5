/*
 * t/unit/common/addr_test.c - addresses to and from text.
 */
#include "common/addr.h"
#include "t/unit/tap.h"

/* What the text means, printed; or why it means nothing. */
static const char *parsed(const char *text, int default_port)
{
    static char out[ADDR_TEXT + 1];
    const char *why = NULL;
    struct addr a;

    if (!addr_parse(&a, str_of(text), default_port, &why))
        return why;
    out[addr_print(&a, out, ADDR_TEXT)] = '\0';
    return out;
}

static void parses(void)
{
    is_str(parsed("1.2.3.4", 80), "1.2.3.4:80", "v4");
    is_str(parsed("1.2.3.4:8080", 80), "1.2.3.4:8080", "v4 with port");
    is_str(parsed("[::1]", 80), "[::1]:80", "v6");
    is_str(parsed("[2001:DB8::0:1]:443", 80), "[2001:db8::1]:443", "v6 with port");
    is_str(parsed("*:80", -1), "0.0.0.0:80", "every address");
    is_str(parsed("8080", 80), "0.0.0.0:8080", "a port alone");
    is_str(parsed("unix:/run/x.sock", -1), "unix:/run/x.sock", "unix");
    is_str(parsed("0.0.0.0", 0), "0.0.0.0:0", "no port wanted");
}

static void refuses(void)
{
    char path[200] = "unix:/";

    is_str(parsed("1.2.3.4", -1), "no port", "a port is wanted");
    is_str(parsed("1.2.3.4:", 80), "invalid port", "empty port");
    is_str(parsed("1.2.3.4:0", 80), "invalid port", "port 0");
    is_str(parsed("1.2.3.4:65536", 80), "invalid port", "port too large");
    is_str(parsed("1.2.3.4:80x", 80), "invalid port", "port with a tail");
    is_str(parsed("99999", 80), "invalid port", "a port alone, too large");
    is_str(parsed("[::1", 80), "invalid IPv6 address", "no bracket");
    is_str(parsed("[::1]80", 80), "invalid port", "no colon");
    is_str(parsed("[::g]:80", 80), "invalid IPv6 address", "no hex digit");
    is_str(parsed("[1.2.3.4]:80", 80), "invalid IPv6 address", "v4 in brackets");
    is_str(parsed("localhost:80", 80), "host is a name", "a name");
    is_str(parsed("1.2.3", 80), "host is a name", "three parts");
    is_str(parsed("1.2.3.256", 80), "host is a name", "a part too large");
    is_str(parsed("", 80), "no host", "nothing");
    is_str(parsed(":80", 80), "no host", "nothing before the colon");
    is_str(parsed("unix:", 80), "no path in the unix domain socket", "no path");
    memset(path + 6, 'a', 150);
    is_str(parsed(path, 80), "too long path in the unix domain socket", "path too long");
}

static void splits(void)
{
    struct str host;
    const char *why;
    int port;

    ok(addr_split(STR("example.com:80"), &host, &port, &why) && port == 80, "name and port");
    is_slice(host, "example.com", "the name");
    ok(addr_split(STR("example.com"), &host, &port, &why) && port == -1, "no port");
    ok(addr_split(STR("[::1]:9"), &host, &port, &why) && port == 9, "v6 and port");
    is_slice(host, "::1", "without brackets");
    ok(addr_split(STR("unix:/a:b"), &host, &port, &why) && port == -1, "unix");
    is_slice(host, "unix:/a:b", "whole");
    ok(!addr_split(STR("a:b"), &host, &port, &why), "no port");
}

static void prints_what_the_kernel_says(void)
{
    struct addr a = {.len = sizeof(sa_family_t)};
    char out[ADDR_TEXT];

    a.un.sun_family = AF_UNIX;
    is_slice(str_range(out, out + addr_print(&a, out, sizeof(out))), "unix:", "an unnamed peer");
    memcpy(a.un.sun_path, "\0name", 5);
    a.len = sizeof(sa_family_t) + 5;
    is_slice(str_range(out, out + addr_print(&a, out, sizeof(out))), "unix:@name", "abstract");
    memset(a.un.sun_path, 'p', sizeof(a.un.sun_path));
    a.len = sizeof(a.un);
    is_int((int64_t)addr_print(&a, out, sizeof(out)), 113, "a path that fills the field");
    is_int((int64_t)addr_print(&a, out, 10), 10, "cut to the room");
}

static void compares(void)
{
    struct addr a, b, c;
    const char *why;

    addr_parse(&a, STR("1.2.3.4:80"), -1, &why);
    addr_parse(&b, STR("1.2.3.4:81"), -1, &why);
    ok(addr_eq_host(&a, &b) && !addr_eq(&a, &b), "the same host, another port");
    addr_set_port(&b, 80);
    ok(addr_eq(&a, &b) && addr_port(&b) == 80, "the same");
    addr_parse(&c, STR("[::]:80"), -1, &why);
    ok(!addr_eq(&a, &c) && addr_is_wildcard(&c) && !addr_is_wildcard(&a), "another family");
    addr_parse(&a, STR("unix:/a"), -1, &why);
    addr_parse(&b, STR("unix:/a"), -1, &why);
    addr_parse(&c, STR("unix:/ab"), -1, &why);
    b.len = sizeof(b.un); /* as the kernel may return it */
    ok(addr_eq(&a, &b) && !addr_eq(&a, &c), "paths");
}

static const char *network(const char *text)
{
    static char out[ADDR_TEXT + 8];
    bool stray;
    struct addr a;
    size_t len;
    int prefix;

    if (!addr_parse_cidr(&a, &prefix, str_of(text), &stray))
        return NULL;
    len = addr_print_host(&a, out, ADDR_TEXT);
    snprintf(out + len, 8, "/%d%s", prefix, stray ? "!" : "");
    return out;
}

static void parses_networks(void)
{
    is_str(network("10.0.0.0/8"), "10.0.0.0/8", "v4");
    is_str(network("10.1.2.3/8"), "10.0.0.0/8!", "bits after the prefix");
    is_str(network("10.1.2.255/25"), "10.1.2.128/25!", "within a byte");
    is_str(network("1.2.3.4"), "1.2.3.4/32", "an address");
    is_str(network("0.0.0.0/0"), "0.0.0.0/0", "everything");
    is_str(network("2001:db8::/32"), "2001:db8::/32", "v6");
    is_str(network("2001:db8:ffff::/33"), "2001:db8:8000::/33!", "v6, bits after the prefix");
    is_str(network("::1"), "::1/128", "a v6 address");
    ok(!network("1.2.3.4/33") && !network("::/129") && !network("1.2.3.4/") && !network("x/8") &&
           !network("1.2.3.4/8/8") && !network("1.2.3.4/-1"),
       "no networks");
}

int main(void)
{
    parses();
    refuses();
    splits();
    prints_what_the_kernel_says();
    compares();
    parses_networks();
    return tap_done();
}
