/*
 * common/addr.c - socket addresses to and from text. Nothing here asks a resolver.
 */
#include "common/addr.h"

#include <arpa/inet.h>

#include "common/fmt.h"

#define UNIX_PREFIX STR("unix:")

static bool fail(const char **why, const char *reason)
{
    *why = reason;
    return false;
}

/* Text to address ------------------------------------------------------------------------------ */

static bool parse_port(struct str text, int *port)
{
    int64_t n;

    if (!str_to_int(text, &n) || n < 1 || n > 65535)
        return false;
    *port = (int)n;
    return true;
}

static void set_v4(struct addr *out, struct in_addr host, int port)
{
    memset(out, 0, sizeof(*out));
    out->in.sin_family = AF_INET;
    out->in.sin_addr = host;
    out->in.sin_port = htons((uint16_t)port);
    out->len = sizeof(out->in);
}

static void set_v6(struct addr *out, const struct in6_addr *host, int port)
{
    memset(out, 0, sizeof(*out));
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_addr = *host;
    out->in6.sin6_port = htons((uint16_t)port);
    out->len = sizeof(out->in6);
}

/* inet_pton on a counted string. */
static bool parse_numeric(int family, struct str text, void *out)
{
    char copy[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, out) == 1;
}

static bool parse_unix(struct addr *out, struct str path, const char **why)
{
    if (path.len == 0)
        return fail(why, "no path in the unix domain socket");
    if (path.len >= sizeof(out->un.sun_path))
        return fail(why, "too long path in the unix domain socket");
    if (str_find(path, '\0') >= 0)
        return fail(why, "NUL in the path of the unix domain socket");
    memset(out, 0, sizeof(*out));
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, path.data, path.len);
    out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return true;
}

static bool split_bracketed(struct str text, struct str *host, struct str *port, const char **why)
{
    ssize_t close = str_find(text, ']');

    if (close < 0)
        return fail(why, "invalid IPv6 address");
    *host = (struct str){text.data + 1, (size_t)close - 1};
    text = str_from(text, (size_t)close + 1);
    if (text.len == 0)
        return true;
    if (text.data[0] != ':')
        return fail(why, "invalid port");
    *port = str_from(text, 1);
    return true;
}

bool addr_split(struct str text, struct str *host, int *port, const char **why)
{
    struct str port_text = STR_NONE;
    ssize_t colon;

    *port = -1;
    *host = text;
    if (str_starts_nocase(text, UNIX_PREFIX))
        return true;
    if (text.len > 0 && text.data[0] == '[') {
        if (!split_bracketed(text, host, &port_text, why))
            return false;
    } else if ((colon = str_find(text, ':')) >= 0) {
        host->len = (size_t)colon;
        port_text = str_from(text, (size_t)colon + 1);
    }
    if (host->len == 0)
        return fail(why, "no host");
    if (port_text.data != NULL && !parse_port(port_text, port))
        return fail(why, "invalid port");
    return true;
}

/* The port alone: every address. */
static bool parse_bare_port(struct addr *out, struct str text, const char **why)
{
    int port;

    if (!parse_port(text, &port))
        return fail(why, "invalid port");
    set_v4(out, (struct in_addr){.s_addr = INADDR_ANY}, port);
    return true;
}

bool addr_parse(struct addr *out, struct str text, int default_port, const char **why)
{
    struct str host;
    struct in6_addr v6;
    struct in_addr v4;
    int64_t number;
    int port;

    if (str_starts_nocase(text, UNIX_PREFIX))
        return parse_unix(out, str_from(text, UNIX_PREFIX.len), why);
    if (default_port >= 0 && str_to_int(text, &number))
        return parse_bare_port(out, text, why);
    if (!addr_split(text, &host, &port, why))
        return false;
    if (port < 0 && default_port < 0)
        return fail(why, "no port");
    port = port < 0 ? default_port : port;

    if (text.data[0] == '[') {
        if (!parse_numeric(AF_INET6, host, &v6))
            return fail(why, "invalid IPv6 address");
        set_v6(out, &v6, port);
        return true;
    }
    if (str_eq(host, STR("*")))
        v4.s_addr = INADDR_ANY;
    else if (!parse_numeric(AF_INET, host, &v4))
        return fail(why, "host is a name");
    set_v4(out, v4, port);
    return true;
}

bool addr_parse_ip(struct addr *out, struct str text)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (parse_numeric(AF_INET, text, &v4)) {
        set_v4(out, v4, 0);
        return true;
    }
    if (!parse_numeric(AF_INET6, text, &v6))
        return false;
    set_v6(out, &v6, 0);
    return true;
}

size_t addr_bytes(const struct addr *a, const uint8_t **bytes)
{
    switch (a->sa.sa_family) {
    case AF_INET:
        *bytes = (const uint8_t *)&a->in.sin_addr;
        return 4;
    case AF_INET6:
        *bytes = a->in6.sin6_addr.s6_addr;
        return 16;
    default:
        *bytes = NULL;
        return 0;
    }
}

/* Clears the bits after the prefix; true when one of them was set. */
static bool clear_host_bits(uint8_t *bytes, int total, int prefix)
{
    bool had = false;

    for (int i = prefix / 8; i < total; i++) {
        uint8_t keep = i == prefix / 8 ? (uint8_t)(0xff00u >> prefix % 8) : 0;

        had = had || (bytes[i] & ~keep) != 0;
        bytes[i] &= keep;
    }
    return had;
}

bool addr_parse_cidr(struct addr *out, int *prefix, struct str text, bool *had_host_bits)
{
    struct str rest = text;
    struct str host = str_cut(&rest, '/');
    const uint8_t *bytes;
    int total;
    int64_t bits;

    *had_host_bits = false;
    if (!addr_parse_ip(out, host))
        return false;
    total = (int)addr_bytes(out, &bytes);
    *prefix = total * 8;
    if (rest.data == NULL)
        return true;
    if (!str_to_int(rest, &bits) || bits > total * 8)
        return false;
    *prefix = (int)bits;
    *had_host_bits = clear_host_bits((uint8_t *)(uintptr_t)bytes, total, *prefix);
    return true;
}

/* Address to text ------------------------------------------------------------------------------ */

static char *print_v4(char *out, const struct in_addr *host)
{
    const uint8_t *bytes = (const uint8_t *)host;

    for (int i = 0; i < 4; i++) {
        out = fmt_uint(out, bytes[i]);
        *out++ = '.';
    }
    return out - 1;
}

static char *print_v6(char *out, const struct in6_addr *host)
{
    return inet_ntop(AF_INET6, host, out, INET6_ADDRSTRLEN) == NULL ? out : out + strlen(out);
}

/* The path as far as the kernel filled it in; an abstract name's NUL shows as '@'. */
static char *print_unix(char *out, const struct addr *a)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t room = a->len > head ? MIN(a->len - head, sizeof(a->un.sun_path)) : 0;
    const char *path = a->un.sun_path;

    out = FMT_LIT(out, "unix:");
    if (room > 1 && path[0] == '\0') {
        *out++ = '@';
        return fmt_str(out, (struct str){path + 1, strnlen(path + 1, room - 1)});
    }
    return fmt_str(out, (struct str){path, strnlen(path, room)});
}

static size_t copy_out(char *out, size_t room, const char *text, const char *end)
{
    size_t len = MIN((size_t)(end - text), room);

    memcpy(out, text, len);
    return len;
}

size_t addr_print_host(const struct addr *a, char *out, size_t room)
{
    char text[ADDR_TEXT];
    char *end = text;

    if (a->sa.sa_family == AF_INET)
        end = print_v4(text, &a->in.sin_addr);
    else if (a->sa.sa_family == AF_INET6)
        end = print_v6(text, &a->in6.sin6_addr);
    else if (a->sa.sa_family == AF_UNIX)
        end = print_unix(text, a);
    return copy_out(out, room, text, end);
}

size_t addr_print(const struct addr *a, char *out, size_t room)
{
    char text[ADDR_TEXT];
    char *end = text;

    if (a->sa.sa_family == AF_INET) {
        end = print_v4(text, &a->in.sin_addr);
    } else if (a->sa.sa_family == AF_INET6) {
        *end++ = '[';
        end = print_v6(end, &a->in6.sin6_addr);
        *end++ = ']';
    } else {
        return addr_print_host(a, out, room);
    }
    *end++ = ':';
    end = fmt_uint(end, (uint64_t)addr_port(a));
    return copy_out(out, room, text, end);
}

/* Comparing ------------------------------------------------------------------------------------ */

static struct str unix_path(const struct addr *a)
{
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t room = a->len > head ? MIN(a->len - head, sizeof(a->un.sun_path)) : 0;
    size_t from = room > 0 && a->un.sun_path[0] == '\0'; /* abstract: the NUL is part of it */

    return (struct str){a->un.sun_path, from + strnlen(a->un.sun_path + from, room - from)};
}

bool addr_eq_host(const struct addr *a, const struct addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    switch (a->sa.sa_family) {
    case AF_INET:
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    case AF_INET6:
        return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0 &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id;
    case AF_UNIX:
        return str_eq(unix_path(a), unix_path(b));
    default:
        return false;
    }
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
    return addr_eq_host(a, b) && addr_port(a) == addr_port(b);
}

int addr_port(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->in.sin_port);
    if (a->sa.sa_family == AF_INET6)
        return ntohs(a->in6.sin6_port);
    return 0;
}

void addr_set_port(struct addr *a, int port)
{
    if (a->sa.sa_family == AF_INET)
        a->in.sin_port = htons((uint16_t)port);
    else if (a->sa.sa_family == AF_INET6)
        a->in6.sin6_port = htons((uint16_t)port);
}

bool addr_is_wildcard(const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == INADDR_ANY;
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr);
}
