/*
 * t/unit/net/proxy_protocol_test.c - PROXY headers, whole, cut anywhere, and broken.
 */
#include "t/unit/tap.h"
#include "worker/net/proxy_protocol.h"

static struct proxy_header h;
static const char *why;

static enum proxy_result parse(struct str in)
{
    return proxy_parse(in, &h, &why);
}

static const char *printed(const struct addr *a)
{
    static char text[ADDR_TEXT];

    text[addr_print(a, text, sizeof(text) - 1)] = '\0';
    return text;
}

static struct str named(struct str tlvs, const char *name)
{
    static char number[PROXY_NUMBER];

    return proxy_tlv_named(tlvs, str_of(name), number);
}

static void reads_version_1(void)
{
    is_int(parse(STR("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET")), PROXY_DONE, "TCP4");
    is_int((int64_t)h.bytes, 45, "its length");
    is_str(printed(&h.from), "192.0.2.1:56324", "the client");
    is_str(printed(&h.to), "198.51.100.7:443", "the address it asked for");
    is_int(parse(STR("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n")), PROXY_DONE, "TCP6");
    is_str(printed(&h.from), "[2001:db8::1]:1", "the client");
    is_int(parse(STR("PROXY UNKNOWN whatever\r\n")), PROXY_DONE, "UNKNOWN");
    ok(!h.has_addrs, "has no addresses");
    is_int(parse(STR("PROXY UNKNOWN\r\n")), PROXY_DONE, "UNKNOWN alone");
}

static void refuses_broken_lines(void)
{
    static const char *const lines[] = {
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 ::1 ::1 56324 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.7 1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 1 443\n",
        "PROXY\r\n",
        "PROXZ",
        "GET / HTTP/1.1\r\n",
        "\r\n\r\nGET",
    };

    for (size_t i = 0; i < COUNT(lines); i++)
        if (!ok(parse(str_of(lines[i])) == PROXY_BAD, "a broken line"))
            printf("#   line %zu\n", i);
}

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define V2_INET V2 "\x21\x11\0\x17" "\xc0\0\x02\x01" "\x7f\0\0\x01" "\xdc\x04" "\x01\xbb"
#define TLVS "\x01\0\x02h2" "\x02\0\x03" "a.b"

static void reads_version_2(void)
{
    struct str rest;

    is_int(parse(STR(V2_INET TLVS "GET")), PROXY_DONE, "TCP4");
    is_int((int64_t)h.bytes, 16 + 23, "its length");
    is_str(printed(&h.from), "192.0.2.1:56324", "the client");
    is_str(printed(&h.to), "127.0.0.1:443", "the address it asked for");
    is_slice(named(h.tlvs, "alpn"), "h2", "an extension");
    is_slice(named(h.tlvs, "authority"), "a.b", "another");
    is_slice(named(h.tlvs, "0x02"), "a.b", "by number");
    ok(named(h.tlvs, "netns").data == NULL, "one that is not there");
    rest = STR("\x01\0\x05h2");
    ok(!proxy_next_tlv(&rest, &(uint8_t){0}, &(struct str){0}) && rest.len > 0, "a cut one");

    is_int(parse(STR(V2 "\x20\0\0\x03""abc")), PROXY_DONE, "LOCAL");
    ok(!h.has_addrs && h.bytes == 19, "skips what follows");
    is_int(parse(STR(V2 "\x21\0\0\0")), PROXY_DONE, "an unspecified family");
    ok(!h.has_addrs, "has no addresses");
    is_int(parse(STR(V2 "\x21\x11\0\x0b" "12345678901")), PROXY_BAD, "too short");
    is_int(parse(STR(V2 "\x22\x11\0\0")), PROXY_BAD, "unknown command");
    is_int(parse(STR(V2 "\x31\x11\0\0")), PROXY_BAD, "unknown version");
}

static void reads_ssl_extensions(void)
{
    struct str tlvs = STR("\x20\0\x0d" "\x01\0\0\0\0" "\x22\0\x05" "alice");

    is_slice(named(tlvs, "ssl_cn"), "alice", "a nested one");
    ok(named(tlvs, "ssl_cipher").data == NULL, "one that is not there");
    is_slice(named(tlvs, "ssl_0x22"), "alice", "by number");
    ok(named(tlvs, "0x22").data == NULL, "only there");
    is_slice(named(tlvs, "ssl_verify"), "0", "verified");
    ok(named(STR("\x20\0\x04\1\0\0\0"), "ssl_verify").data == NULL, "too short for that");
    is_slice(named(STR("\x20\0\x05\1\xff\xff\xff\xfe"), "ssl_verify"), "4294967294",
             "not verified");
    is_int(named(tlvs, "ssl").len, 13, "the whole of it");
}

static void reads_unix_addresses(void)
{
    char in[16 + 216] = V2 "\x21\x31\0\xd8";

    memcpy(in + 16, "/client", 7);
    memset(in + 16 + 108, 'x', 108); /* not terminated */
    is_int(parse((struct str){in, sizeof(in)}), PROXY_DONE, "unix");
    is_str(printed(&h.from), "unix:/client", "the client");
    is_int((int64_t)strlen(h.to.un.sun_path), 107, "a path that fills its field ends");
}

static void waits_for_the_rest(void)
{
    struct str texts[] = {
        STR("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
        STR(V2_INET TLVS),
    };

    for (size_t t = 0; t < COUNT(texts); t++) {
        bool waits = true;

        for (size_t len = 0; len < texts[t].len; len++)
            waits = waits && parse((struct str){texts[t].data, len}) == PROXY_MORE;
        ok(waits, "cut anywhere it asks for more");
        is_int(parse(texts[t]), PROXY_DONE, "until it is whole");
    }
}

static void gives_up_on_an_endless_line(void)
{
    char line[200];

    memset(line, 'x', sizeof(line));
    memcpy(line, "PROXY TCP4 ", 11);
    is_int(parse((struct str){line, 106}), PROXY_MORE, "106 bytes");
    is_int(parse((struct str){line, 107}), PROXY_BAD, "107 bytes without an end");
}

static void prints_version_1(void)
{
    char out[PROXY_V1_MOST + 1];
    struct addr from, to;

    parse(STR("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"));
    from = h.from;
    to = h.to;
    out[proxy_print_v1(&from, &to, out)] = '\0';
    is_str(out, "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "what was read");
    to.sa.sa_family = AF_UNIX;
    out[proxy_print_v1(&from, &to, out)] = '\0';
    is_str(out, "PROXY UNKNOWN\r\n", "no common family");
}

static void prints_version_2(void)
{
    static const char *const texts[] = {"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n",
                                        "PROXY TCP4 192.0.2.1 127.0.0.1 40000 80\r\n"};
    char out[PROXY_V2_PRINTED];
    struct addr from, to;

    for (size_t i = 0; i < COUNT(texts); i++) {
        parse(str_of(texts[i]));
        from = h.from;
        to = h.to;
        is_int(parse((struct str){out, proxy_print_v2(&from, &to, out)}), PROXY_DONE, texts[i]);
        ok(h.version == 2 && h.has_addrs && !h.datagram, "with addresses");
        ok(addr_eq(&h.from, &from) && addr_eq(&h.to, &to), "the same ones");
        ok(h.bytes == (i == 0 ? 52 : 28), "and nothing more");
    }
    to.sa.sa_family = AF_UNIX;
    is_int(parse((struct str){out, proxy_print_v2(&from, &to, out)}), PROXY_DONE, "without");
    ok(!h.has_addrs && h.bytes == PROXY_V2_HEAD, "LOCAL");
}

static void extensions_of_makers(void)
{
    is_slice(named(STR("\xea\0\x09\1vpce-123"), "aws_vpce_id"), "vpce-123", "a VPC endpoint");
    ok(named(STR("\xea\0\x09\2vpce-123"), "aws_vpce_id").data == NULL, "of another kind");
    ok(named(STR("\xea\0\0"), "aws_vpce_id").data == NULL, "without any");
    is_slice(named(STR("\xee\0\x05\1\x01\x02\0\0"), "azure_pel_id"), "513",
             "a private endpoint");
    ok(named(STR("\xee\0\x04\1\x01\x02\0"), "azure_pel_id").data == NULL, "cut");
    is_slice(named(STR("\xe0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff"), "gcp_conn_id"),
             "18446744073709551615", "a connection");
    ok(named(STR("\xe0\0\x07\0\0\0\0\0\0\1"), "gcp_conn_id").data == NULL, "cut");
    ok(named(STR("\xea\0\x09\1vpce-123"), "0x").data == NULL, "no number");
    ok(named(STR("\xea\0\x09\1vpce-123"), "0x1ea").data == NULL, "too large a number");
}

int main(void)
{
    reads_version_1();
    refuses_broken_lines();
    reads_version_2();
    reads_ssl_extensions();
    extensions_of_makers();
    reads_unix_addresses();
    waits_for_the_rest();
    gives_up_on_an_endless_line();
    prints_version_1();
    prints_version_2();
    return tap_done();
}
