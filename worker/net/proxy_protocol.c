/*
 * worker/net/proxy_protocol.c - both versions of the header, an element at a time.
 */
#include "worker/net/proxy_protocol.h"

#include <arpa/inet.h>

#include "common/fmt.h"

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_result bad(const char **why, const char *text)
{
    *why = text;
    return PROXY_BAD;
}

/* Version 1 ------------------------------------------------------------------------------------ */

/* inet_pton reads C strings and takes nothing but a whole address. */
static bool read_host(struct str text, int family, void *into)
{
    char host[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(host))
        return false;
    memcpy(host, text.data, text.len);
    host[text.len] = '\0';
    return strlen(host) == text.len && inet_pton(family, host, into) == 1;
}

static bool read_port(struct str text, in_port_t *into)
{
    int64_t port;

    if (text.len > 5 || !str_to_int(text, &port) || port > 65535)
        return false;
    *into = htons((uint16_t)port);
    return true;
}

static bool read_addr(struct addr *a, int family, struct str host, struct str port)
{
    memset(a, 0, sizeof(*a));
    a->sa.sa_family = (sa_family_t)family;
    if (family == AF_INET) {
        a->len = sizeof(a->in);
        return read_host(host, family, &a->in.sin_addr) && read_port(port, &a->in.sin_port);
    }
    a->len = sizeof(a->in6);
    return read_host(host, family, &a->in6.sin6_addr) && read_port(port, &a->in6.sin6_port);
}

/* "SRC DST SPORT DPORT" */
static bool read_v1_addrs(struct str rest, int family, struct proxy_header *out)
{
    struct str from = str_cut(&rest, ' ');
    struct str to = str_cut(&rest, ' ');
    struct str from_port = str_cut(&rest, ' ');

    out->has_addrs = true;
    return read_addr(&out->from, family, from, from_port) && read_addr(&out->to, family, to, rest);
}

static enum proxy_result read_v1_line(struct str line, struct proxy_header *out, const char **why)
{
    struct str kind = str_cut(&line, ' ');

    if (str_eq(kind, STR("UNKNOWN")))
        return PROXY_DONE;
    if (str_eq(kind, STR("TCP4")) && read_v1_addrs(line, AF_INET, out))
        return PROXY_DONE;
    if (str_eq(kind, STR("TCP6")) && read_v1_addrs(line, AF_INET6, out))
        return PROXY_DONE;
    return bad(why, "malformed version 1 line");
}

static enum proxy_result parse_v1(struct str in, struct proxy_header *out, const char **why)
{
    struct str head = {in.data, MIN(in.len, PROXY_V1_MOST)};
    ssize_t end = str_find(head, '\n');

    if (end < 0)
        return in.len < PROXY_V1_MOST ? PROXY_MORE : bad(why, "version 1 line is too long");
    if (end < 7 || in.data[end - 1] != '\r')
        return bad(why, "version 1 line does not end in CR LF");
    out->version = 1;
    out->bytes = (size_t)end + 1;
    return read_v1_line(str_range(in.data + 6, in.data + end - 1), out, why);
}

/* Version 2 ------------------------------------------------------------------------------------ */

enum { LOCAL = 0, PROXIED = 1 };
enum { UNSPEC = 0, INET = 1, INET6 = 2, UNIX = 3 };

static unsigned get_u16(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

static void take_inet(const char *at, struct proxy_header *out)
{
    struct addr *ends[] = {&out->from, &out->to};

    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, sizeof(*ends[i]));
        ends[i]->in.sin_family = AF_INET;
        ends[i]->len = sizeof(ends[i]->in);
        memcpy(&ends[i]->in.sin_addr, at + 4 * i, 4);
        memcpy(&ends[i]->in.sin_port, at + 8 + 2 * i, 2);
    }
}

static void take_inet6(const char *at, struct proxy_header *out)
{
    struct addr *ends[] = {&out->from, &out->to};

    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, sizeof(*ends[i]));
        ends[i]->in6.sin6_family = AF_INET6;
        ends[i]->len = sizeof(ends[i]->in6);
        memcpy(&ends[i]->in6.sin6_addr, at + 16 * i, 16);
        memcpy(&ends[i]->in6.sin6_port, at + 32 + 2 * i, 2);
    }
}

static void take_unix(const char *at, struct proxy_header *out)
{
    struct addr *ends[] = {&out->from, &out->to};

    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, sizeof(*ends[i]));
        ends[i]->un.sun_family = AF_UNIX;
        memcpy(ends[i]->un.sun_path, at + 108 * i, 107);
        ends[i]->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                   strlen(ends[i]->un.sun_path) + 1);
    }
}

static const struct {
    size_t bytes;
    void (*take)(const char *at, struct proxy_header *out);
} v2_families[] = {
    [UNSPEC] = {0, NULL},
    [INET] = {12, take_inet},
    [INET6] = {36, take_inet6},
    [UNIX] = {216, take_unix},
};

/* Addresses and extensions: all that follows the fixed 16 bytes. */
static enum proxy_result read_v2_body(struct str body, unsigned family, struct proxy_header *out,
                                      const char **why)
{
    if (family >= COUNT(v2_families) || v2_families[family].take == NULL) {
        out->has_addrs = false; /* "the receiver must ignore address information" */
        return PROXY_DONE;
    }
    if (body.len < v2_families[family].bytes)
        return bad(why, "version 2 header is too short for its addresses");
    v2_families[family].take(body.data, out);
    out->has_addrs = true;
    out->tlvs = str_from(body, v2_families[family].bytes);
    return PROXY_DONE;
}

static enum proxy_result parse_v2(struct str in, struct proxy_header *out, const char **why)
{
    unsigned command, family, transport;
    size_t len;

    if (in.len < PROXY_V2_HEAD)
        return PROXY_MORE;
    if ((unsigned char)in.data[12] >> 4 != 2)
        return bad(why, "unknown version");
    command = (unsigned char)in.data[12] & 15;
    if (command > PROXIED)
        return bad(why, "unknown version 2 command");
    family = (unsigned char)in.data[13] >> 4;
    transport = (unsigned char)in.data[13] & 15;
    len = get_u16(in.data + 14);
    if (in.len < PROXY_V2_HEAD + len)
        return PROXY_MORE;
    out->version = 2;
    out->bytes = PROXY_V2_HEAD + len;
    out->datagram = transport == 2;
    if (command == LOCAL)
        return PROXY_DONE;
    return read_v2_body((struct str){in.data + PROXY_V2_HEAD, len}, family, out, why);
}

/* True while both agree, as far as there are bytes. */
static bool begins(struct str in, const char *signature, size_t len)
{
    return memcmp(in.data, signature, MIN(in.len, len)) == 0;
}

enum proxy_result proxy_parse(struct str in, struct proxy_header *out, const char **why)
{
    memset(out, 0, sizeof(*out));
    if (in.len == 0)
        return PROXY_MORE;
    if (begins(in, "PROXY ", 6))
        return in.len < 6 ? PROXY_MORE : parse_v1(in, out, why);
    if (begins(in, v2_signature, sizeof(v2_signature)))
        return parse_v2(in, out, why);
    return bad(why, "no PROXY header");
}

/* Extensions ----------------------------------------------------------------------------------- */

#define TLV_SSL      0x20
#define TLV_SSL_HEAD 5 /* flags and the verification's result stand before its own list */

/* How a value is shown. Those of balancers' makers begin with a byte that says what they are. */
enum tlv_form { AS_IT_IS, AFTER_1, LITTLE_U32_AFTER_1, BIG_U64 };

static const struct tlv_name {
    struct str name;
    uint8_t type;
    uint8_t form;
} tlv_names[] = {
    {STR_INIT("alpn"), 0x01, AS_IT_IS},
    {STR_INIT("authority"), 0x02, AS_IT_IS},
    {STR_INIT("unique_id"), 0x05, AS_IT_IS},
    {STR_INIT("ssl"), TLV_SSL, AS_IT_IS},
    {STR_INIT("netns"), 0x30, AS_IT_IS},
    {STR_INIT("aws_vpce_id"), 0xea, AFTER_1},
    {STR_INIT("azure_pel_id"), 0xee, LITTLE_U32_AFTER_1},
    {STR_INIT("gcp_conn_id"), 0xe0, BIG_U64},
}, ssl_tlv_names[] = {
    {STR_INIT("version"), 0x21, AS_IT_IS}, {STR_INIT("cn"), 0x22, AS_IT_IS},
    {STR_INIT("cipher"), 0x23, AS_IT_IS},  {STR_INIT("sig_alg"), 0x24, AS_IT_IS},
    {STR_INIT("key_alg"), 0x25, AS_IT_IS},
};

bool proxy_next_tlv(struct str *tlvs, uint8_t *type, struct str *value)
{
    size_t len;

    if (tlvs->len < 3)
        return false;
    len = get_u16(tlvs->data + 1);
    if (len > tlvs->len - 3)
        return false;
    *type = (uint8_t)tlvs->data[0];
    *value = (struct str){tlvs->data + 3, len};
    *tlvs = str_from(*tlvs, 3 + len);
    return true;
}

struct str proxy_find_tlv(struct str tlvs, uint8_t type)
{
    struct str value;
    uint8_t at;

    while (proxy_next_tlv(&tlvs, &at, &value))
        if (at == type)
            return value;
    return STR_NONE;
}

static struct str show_number(struct str value, size_t bytes, bool little, char *number)
{
    uint64_t n = 0;

    if (value.len != bytes)
        return STR_NONE;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | (unsigned char)value.data[little ? bytes - 1 - i : i];
    return str_range(number, fmt_uint(number, n));
}

static struct str show(struct str value, enum tlv_form form, char *number)
{
    if (value.data == NULL || form == AS_IT_IS)
        return value;
    if (form == BIG_U64)
        return show_number(value, 8, false, number);
    if (value.len < 1 || value.data[0] != 1)
        return STR_NONE;
    value = str_from(value, 1);
    return form == AFTER_1 ? value : show_number(value, 4, true, number);
}

/* By a name of the table, or "0xNN". */
static struct str find_named(struct str tlvs, struct str name, const struct tlv_name *names,
                             size_t count, char *number)
{
    uint64_t type;

    for (size_t i = 0; i < count; i++)
        if (str_eq(name, names[i].name))
            return show(proxy_find_tlv(tlvs, names[i].type), names[i].form, number);
    if (str_starts(name, STR("0x")) && str_to_hex(str_from(name, 2), &type) && type <= 0xff)
        return proxy_find_tlv(tlvs, (uint8_t)type);
    return STR_NONE;
}

static struct str find_ssl_tlv(struct str tlvs, struct str name, char *number)
{
    struct str ssl = proxy_find_tlv(tlvs, TLV_SSL);

    if (ssl.len < TLV_SSL_HEAD)
        return STR_NONE;
    if (str_eq(name, STR("verify")))
        return show_number((struct str){ssl.data + 1, 4}, 4, false, number);
    return find_named(str_from(ssl, TLV_SSL_HEAD), name, ssl_tlv_names, COUNT(ssl_tlv_names),
                      number);
}

struct str proxy_tlv_named(struct str tlvs, struct str name, char number[PROXY_NUMBER])
{
    if (str_starts(name, STR("ssl_")))
        return find_ssl_tlv(tlvs, str_from(name, 4), number);
    return find_named(tlvs, name, tlv_names, COUNT(tlv_names), number);
}

/* Printing ------------------------------------------------------------------------------------- */

static bool are_of_one_ip(const struct addr *from, const struct addr *to)
{
    return from->sa.sa_family == to->sa.sa_family &&
           (from->sa.sa_family == AF_INET || from->sa.sa_family == AF_INET6);
}

size_t proxy_print_v1(const struct addr *from, const struct addr *to, char *out)
{
    char *end;

    if (!are_of_one_ip(from, to))
        return (size_t)(FMT_LIT(out, "PROXY UNKNOWN\r\n") - out);
    end = FMT_LIT(out, "PROXY TCP");
    *end++ = from->sa.sa_family == AF_INET ? '4' : '6';
    for (int i = 0; i < 2; i++) {
        const struct addr *a = i == 0 ? from : to;
        const void *host = a->sa.sa_family == AF_INET ? (const void *)&a->in.sin_addr
                                                      : (const void *)&a->in6.sin6_addr;

        *end++ = ' ';
        if (inet_ntop(a->sa.sa_family, host, end, INET6_ADDRSTRLEN) != NULL)
            end += strlen(end);
    }
    *end++ = ' ';
    end = fmt_uint(end, (uint64_t)addr_port(from));
    *end++ = ' ';
    end = fmt_uint(end, (uint64_t)addr_port(to));
    return (size_t)(FMT_LIT(end, "\r\n") - out);
}

static char *put(char *out, const void *data, size_t len)
{
    return (char *)memcpy(out, data, len) + len;
}

static char *put_u16(char *out, unsigned n)
{
    *out++ = (char)(n >> 8);
    *out++ = (char)n;
    return out;
}

static char *put_host(char *out, const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return put(out, &a->in.sin_addr, sizeof(a->in.sin_addr));
    return put(out, &a->in6.sin6_addr, sizeof(a->in6.sin6_addr));
}

size_t proxy_print_v2(const struct addr *from, const struct addr *to, char *out)
{
    bool known = are_of_one_ip(from, to), is_v4 = from->sa.sa_family == AF_INET;
    char *end = put(out, v2_signature, sizeof(v2_signature));

    *end++ = known ? 0x21 : 0x20; /* PROXY, LOCAL */
    *end++ = !known ? 0 : is_v4 ? 0x11 : 0x21;
    end = put_u16(end, !known ? 0 : is_v4 ? 12 : 36);
    if (!known)
        return (size_t)(end - out);
    end = put_host(put_host(end, from), to);
    end = put_u16(end, (unsigned)addr_port(from));
    return (size_t)(put_u16(end, (unsigned)addr_port(to)) - out);
}
