/*
 * t/unit/codec/h1_head_test.c - heads are read alike however they are cut, and strictly.
 */
#include "worker/codec/h1_head.h"

#include <stdlib.h>

#include "t/unit/tap.h"

static const struct h1_limits limits = {
    .line_bytes = 8192, .head_bytes = 32768, .fields = 100, .ignore_invalid = true,
};
static const struct h1_limits upstream = {
    .line_bytes = 8192, .head_bytes = 32768, .fields = 100, .underscores = true,
};

static struct pool *pool;
static struct h1_head h;

/* Feeds all at once. */
static enum h1_result read_as(enum h1_kind kind, const struct h1_limits *l, struct str text)
{
    h1_head_init(&h, kind, l, pool);
    return h1_head_feed(&h, text.data, text.len);
}

static enum h1_result request(const char *text)
{
    return read_as(H1_REQUEST, &limits, str_of(text));
}

static enum h1_result response(const char *text)
{
    return read_as(H1_RESPONSE, &upstream, str_of(text));
}

/* The same in steps of `step` bytes, each time from a new block that has exactly what came. */
static enum h1_result read_in_steps(struct h1_head *head, enum h1_kind kind, struct str text,
                                    size_t step, char **block)
{
    enum h1_result result;

    h1_head_init(head, kind, kind == H1_REQUEST ? &limits : &upstream, pool);
    *block = NULL;
    for (size_t len = MIN(step, text.len);; len = MIN(len + step, text.len)) {
        char *next = malloc(len > 0 ? len : 1);
        memcpy(next, text.data, len);
        if (*block != NULL) {
            h1_head_rebase(head, next);
            free(*block);
        }
        *block = next;
        result = h1_head_feed(head, next, len);
        if (result != H1_MORE || len == text.len)
            return result;
    }
}

static bool same_fields(const struct h1_head *a, const struct h1_head *b)
{
    if (a->fields.count != b->fields.count)
        return false;
    for (uint32_t i = 0; i < a->fields.count; i++) {
        const struct http_field *x = &a->fields.items[i], *y = &b->fields.items[i];
        if (!str_eq(x->name, y->name) || !str_eq(x->value, y->value) || x->id != y->id ||
            x->flags != y->flags)
            return false;
    }
    return true;
}

static bool same_str(struct str a, struct str b)
{
    return (a.data == NULL) == (b.data == NULL) && (a.data == NULL || str_eq(a, b));
}

static bool same_facts(const struct h1_head *a, const struct h1_head *b)
{
    return a->bytes == b->bytes && a->version == b->version && a->method == b->method &&
           a->form == b->form && a->status == b->status && a->content_length == b->content_length &&
           a->chunked == b->chunked && a->keep_alive == b->keep_alive && a->port == b->port &&
           a->upgrade == b->upgrade && a->ignored == b->ignored && same_str(a->line, b->line) &&
           same_str(a->method_text, b->method_text) && same_str(a->target, b->target) &&
           same_str(a->path, b->path) && same_str(a->host, b->host) &&
           same_str(a->authority, b->authority) && same_str(a->reason, b->reason) &&
           same_str(a->protocol, b->protocol) && same_fields(a, b);
}

/* However the text is cut, the outcome is that of the whole; a fault may be seen sooner. */
static bool cuts_make_no_difference(enum h1_kind kind, struct str text, enum h1_result whole)
{
    struct h1_head *cut = malloc(sizeof(*cut));
    bool same = true;
    char *block;

    for (size_t step = 1; step <= text.len && same; step++) {
        enum h1_result result = read_in_steps(cut, kind, text, step, &block);
        same = result == whole && (result != H1_DONE || same_facts(cut, &h));
        free(block);
    }
    free(cut);
    return same;
}

static void bad_as(enum h1_kind kind, struct str text, enum h1_fault fault)
{
    char what[160];
    enum h1_result whole = read_as(kind, kind == H1_REQUEST ? &limits : &upstream, text);

    snprintf(what, sizeof(what), "%s", fault == H1_FAULT_NONE ? "accepted" : h1_fault_text(fault));
    if (h.fault != fault)
        printf("# %s\n", text.data);
    is_int(h.fault, fault, what);
    ok(whole == (fault == H1_FAULT_NONE ? H1_DONE : H1_BAD), "  with the result that goes with it");
    ok(cuts_make_no_difference(kind, text, whole), "  however it is cut");
}

#define BAD(literal, fault)       bad_as(H1_REQUEST, STR(literal), H1_FAULT_##fault)
#define BAD_LINE(literal, fault)  BAD(literal "\r\nHost: a\r\n\r\n", fault)
#define BAD_FIELD(literal, fault) BAD("GET / HTTP/1.1\r\nHost: a\r\n" literal "\r\n", fault)
#define BAD_REPLY(literal, fault) bad_as(H1_RESPONSE, STR(literal), H1_FAULT_##fault)

static const char browser[] =
    "GET /a/b.html?x=1 HTTP/1.1\r\n"
    "Host: www.Example.org:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "accept-encoding:gzip, deflate, br\r\n"
    "X-Thing: \t a value \t \r\n"
    "Empty:\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
    "GET /next";

static void a_request_is_taken_apart(void)
{
    is_int(request(browser), H1_DONE, "a browser's request");
    is_int(h.bytes, (int64_t)sizeof(browser) - 1 - 9, "ends where the next one starts");
    is_int(h.method, METHOD_GET, "method");
    is_slice(h.line, "GET /a/b.html?x=1 HTTP/1.1", "line");
    is_slice(h.target, "/a/b.html?x=1", "target");
    is_slice(h.path, "/a/b.html?x=1", "path");
    is_slice(h.protocol, "HTTP/1.1", "protocol");
    is_int(h.version, H1_11, "version");
    is_slice(h.host, "www.Example.org", "host without port");
    is_int(h.port, 8080, "port");
    ok(h.host_has_upper, "capitals are noticed");
    is_int(h.fields.count, 8, "fields");
    is_slice(fields_value(&h.fields, FIELD_ACCEPT_ENCODING), "gzip, deflate, br", "any case");
    is_slice(h.fields.items[5].name, "X-Thing", "an unknown name stays as it is");
    is_slice(h.fields.items[5].value, "a value", "its value is trimmed");
    is_slice(h.fields.items[6].value, "", "an empty value");
    ok(h.keep_alive, "kept alive");
    is_int(h1_body_kind(&h, false), H1_BODY_NONE, "no body");
    ok(cuts_make_no_difference(H1_REQUEST, str_of(browser), H1_DONE), "however it is cut");
}

static void request_lines(void)
{
    BAD_LINE("get / HTTP/1.1", METHOD);
    BAD_LINE("G1T / HTTP/1.1", METHOD);
    BAD_LINE(" GET / HTTP/1.1", METHOD);
    BAD_LINE("\x16\x03\x01\x02", METHOD);
    BAD_LINE("GET", METHOD);
    BAD_LINE("GET  / HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET /  HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET /a b HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET / HTTP/1.1 ", REQUEST_LINE);
    BAD_LINE("GET /a\tb HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET /a\x01 HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET /a\x7f HTTP/1.1", REQUEST_LINE);
    BAD_LINE("GET / http/1.1", VERSION);
    BAD_LINE("GET / HTTP/1.", VERSION);
    BAD_LINE("GET / HTTP/11", VERSION_UNSUPPORTED);
    BAD_LINE("GET / HTTP/10.0", VERSION_UNSUPPORTED);
    BAD_LINE("GET / HTTP/1", VERSION);
    BAD_LINE("GET / HTTP/1.1x", VERSION);
    BAD_LINE("GET / HTTP/1.1\r", VERSION);
    BAD_LINE("GET / HTTP/0.9", VERSION);
    BAD_LINE("GET / HTTP/2.0", VERSION_UNSUPPORTED);
    BAD_LINE("GET / HTTP/3.0", VERSION_UNSUPPORTED);
    BAD_LINE("GET / HTTP/1.2", NONE);
    BAD_LINE("GET /\xff\xc3 HTTP/1.1", NONE);
    BAD_LINE("FOO_BAR-X / HTTP/1.1", NONE);
    BAD_LINE("GET x HTTP/1.1", TARGET);
    BAD_LINE("GET * HTTP/1.1", TARGET);
    BAD_LINE("GET http:/x HTTP/1.1", TARGET);
    BAD_LINE("GET 1http://x/ HTTP/1.1", TARGET);
    BAD_LINE("GET http:// HTTP/1.1", TARGET_HOST);
    BAD_LINE("GET http:///x HTTP/1.1", TARGET_HOST);
    BAD_LINE("GET http://u@x/ HTTP/1.1", TARGET_HOST);
    BAD_LINE("GET http://x:y/ HTTP/1.1", TARGET_HOST);
    BAD_LINE("OPTIONS * HTTP/1.1", NONE);
    BAD_LINE("CONNECT a:443 HTTP/1.1", NONE);
    BAD_LINE("CONNECT /a HTTP/1.1", TARGET_HOST);
    BAD_LINE("CONNECT a HTTP/1.1", TARGET_HOST);
    BAD_LINE("CONNECT a:0 HTTP/1.1", TARGET_HOST);
    BAD_LINE("GET http://a#b HTTP/1.1", TARGET_HOST);
    BAD("POST /\r\n", HTTP09_METHOD);
}

static void targets(void)
{
    request("GET HTTP://[::1]:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n");
    is_int(h.form, H1_ABSOLUTE, "absolute form");
    is_slice(h.scheme, "HTTP", "scheme");
    is_slice(h.authority, "[::1]:81", "authority");
    is_slice(h.host, "[::1]", "the target's host goes before the field's");
    is_int(h.port, 81, "with its port");
    is_slice(h.path, "/p?q", "path");
    request("GET http://x HTTP/1.0\r\n\r\n");
    is_slice(h.path, "/", "an absolute target without a path");
    request("GET http://x?q HTTP/1.0\r\n\r\n");
    is_slice(h.path, "?q", "with a query alone");
    request("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    ok(h.form == H1_AUTHORITY && h.path.data == NULL && h.port == 443, "authority form");
    request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    ok(h.form == H1_ASTERISK, "asterisk form");
    is_slice(h.path, "*", "its path");
}

static void old_versions(void)
{
    is_int(request("GET /x\r\nmore"), H1_DONE, "a simple request ends with its line");
    is_int(h.version, H1_09, "version 0.9");
    is_int(h.bytes, 8, "its size");
    ok(!h.keep_alive, "not kept alive");
    request("GET / HTTP/1.0\r\n\r\n");
    ok(h.version == H1_10 && !h.keep_alive && h.host.data == NULL, "1.0 needs no host");
    request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    ok(h.keep_alive, "1.0 is kept when it asks");
}

static void prefaces(void)
{
    is_int(request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), H1_PREFACE, "the preface of HTTP/2");
    is_int(h1_fault_status(h.fault), 400, "for those who do not speak it a bad request");
    ok(cuts_make_no_difference(H1_REQUEST, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), H1_PREFACE),
       "however it is cut");
    is_int(request("PRI / HTTP/2.0\r\n\r\n"), H1_BAD, "something like it");
}

static void what_can_be_no_request_is_seen_at_once(void)
{
    is_int(request("\x16"), H1_BAD, "the first byte of TLS");
    is_int(h.fault, H1_FAULT_METHOD, "is no method");
    is_int(request("GET /\x01"), H1_BAD, "a control character in a target");
    is_int(request("GET /\r"), H1_MORE, "but CR may be the end of a line");
    is_int(request("GE"), H1_MORE, "a part of a method may become one");
    is_int(response("HTTQ"), H1_BAD, "what begins like no status line");
    is_int(response("HT"), H1_MORE, "what may become one");
}

static void blank_lines_before(void)
{
    BAD("\r\n\r\nGET / HTTP/1.0\r\n\r\n", NONE);
    is_int(h.line_at, 4, "blank lines before a request are skipped");
    is_int(h.bytes, 22, "and counted");
    BAD("\nGET / HTTP/1.0\n\n", NONE);
    BAD_REPLY("\r\nHTTP/1.1 200 OK\r\n\r\n", STATUS_LINE);
}

static void field_lines(void)
{
    BAD_FIELD("Foo\r\n", NO_COLON);
    BAD_FIELD("Foo\n", NO_COLON);
    BAD_FIELD("Foo\r\nBar: x\r\n", NO_COLON);
    BAD_FIELD("Foo : x\r\n", SPACE_BEFORE_COLON);
    BAD_FIELD("Foo\t: x\r\n", SPACE_BEFORE_COLON);
    BAD_FIELD("Transfer-Encoding : chunked\r\n", SPACE_BEFORE_COLON);
    BAD_FIELD("Foo bar: x\r\n", NAME);
    BAD_FIELD(": x\r\n", EMPTY_NAME);
    BAD_FIELD(" X: x\r\n", FOLDED);
    BAD_FIELD("X: x\r\n y\r\n", FOLDED);
    BAD_FIELD("X: x\r\n\ty\r\n", FOLDED);
    BAD_FIELD("X: a\x01z\r\n", CONTROL);
    BAD_FIELD("X: a\x7fz\r\n", CONTROL);
    BAD_FIELD("X: a\0z\r\n", NUL);
    BAD_FIELD("X\0: a\r\n", NUL);
    BAD_FIELD("X\x01: a\r\n", NAME);
    BAD_FIELD("X\x7f: a\r\n", NAME);
    BAD_FIELD("X: a\rb\r\n", BARE_CR);
    BAD_FIELD("X: a\r\r\n", BARE_CR);
    BAD_FIELD("X: a\r\n\rX: b\r\n", BARE_CR);
    BAD_FIELD("X: \xff\t\x80\r\n", NONE);
    BAD_FIELD("X: a\nY: b\n", NONE);
    is_slice(h.fields.items[1].value, "a", "a bare LF ends a line");
}

static void odd_names(void)
{
    struct h1_limits keep = limits;

    BAD_FIELD("X_A: b\r\nX.A: b\r\nX(A: b\r\nX\xff: b\r\nX-B: c\r\n", NONE);
    is_int(h.fields.count, 2, "odd names are dropped");
    is_int(h.ignored, 4, "and counted");
    is_slice(h.ignored_name, "X\xff", "the last is remembered");
    keep.underscores = true;
    read_as(H1_REQUEST, &keep, STR("GET / HTTP/1.0\r\nX_A: b\r\nX.A: b\r\n\r\n"));
    ok(h.fields.count == 1 && h.ignored == 1, "underscores when asked for");
    keep.ignore_invalid = false;
    keep.underscores = false;
    read_as(H1_REQUEST, &keep, STR("GET / HTTP/1.0\r\nX_A: b\r\nX.A: b\r\nX: c\r\n\r\n"));
    ok(h.fields.count == 3 && h.fields.items[0].flags == FIELD_NAME_ODD &&
           h.fields.items[1].flags == FIELD_NAME_ODD && h.fields.items[2].flags == 0,
       "all tokens when asked for, marked");
    is_int(read_as(H1_REQUEST, &keep, STR("GET / HTTP/1.0\r\nX(A: b\r\n\r\n")), H1_BAD,
           "but what is no token is refused then");
}

static void framing(void)
{
    BAD_FIELD("Content-Length: 5\r\n", NONE);
    is_int(h.content_length, 5, "a length");
    is_int(h1_body_kind(&h, false), H1_BODY_LENGTH, "a body of it");
    BAD_FIELD("Content-Length: 000\r\n", NONE);
    BAD_FIELD("Content-Length: 9223372036854775807\r\n", NONE);
    BAD_FIELD("Content-Length: 9223372036854775808\r\n", LENGTH);
    BAD_FIELD("Content-Length: +5\r\n", LENGTH);
    BAD_FIELD("Content-Length: -5\r\n", LENGTH);
    BAD_FIELD("Content-Length: 5,5\r\n", LENGTH);
    BAD_FIELD("Content-Length: 0x5\r\n", LENGTH);
    BAD_FIELD("Content-Length: 5 5\r\n", LENGTH);
    BAD_FIELD("Content-Length:\r\n", LENGTH);
    BAD_FIELD("Content-Length: 5\r\nContent-Length: 5\r\n", LENGTH_DUPLICATE);
    BAD_FIELD("Content-Length: 5\r\nContent-Length: 6\r\n", LENGTH_DUPLICATE);
    BAD_FIELD("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LENGTH_WITH_CODING);
    BAD_FIELD("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", LENGTH_WITH_CODING);
    BAD_FIELD("Transfer-Encoding: Chunked\r\n", NONE);
    is_int(h1_body_kind(&h, false), H1_BODY_CHUNKED, "a chunked body");
    BAD_FIELD("Transfer-Encoding: identity\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding: gzip, chunked\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding: chunked, chunked\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding: chunked,\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding: \x0b" "chunked\r\n", CONTROL);
    BAD_FIELD("Transfer-Encoding: xchunked\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding:\r\n", CODING_UNKNOWN);
    BAD_FIELD("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CODING_DUPLICATE);
    BAD("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", CODING_IN_10);
    is_int(h1_fault_status(H1_FAULT_CODING_UNKNOWN), 501, "unknown codings deserve 501");
    is_int(h1_fault_status(H1_FAULT_LENGTH_DUPLICATE), 400, "the rest 400");
}

static void hosts_of_requests(void)
{
    BAD("GET / HTTP/1.1\r\n\r\n", HOST_MISSING);
    BAD("GET http://a/ HTTP/1.1\r\n\r\n", HOST_MISSING);
    BAD("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HOST_DUPLICATE);
    BAD("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", HOST_DUPLICATE);
    BAD("GET / HTTP/1.1\r\nHost:\r\n\r\n", HOST);
    BAD("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HOST);
    BAD("GET http://x/ HTTP/1.1\r\nHost: a/b\r\n\r\n", HOST);
}

static void other_duplicates(void)
{
    BAD_FIELD("If-Range: x\r\nIf-Range: x\r\n", DUPLICATE);
    BAD_FIELD("Authorization: x\r\nAuthorization: x\r\n", DUPLICATE);
    BAD_FIELD("Expect: x\r\nExpect: x\r\n", DUPLICATE);
    BAD_FIELD("If-None-Match: x\r\nIf-None-Match: x\r\n", DUPLICATE);
    BAD_FIELD("Cookie: x\r\nCookie: x\r\nRange: x\r\nRange: x\r\nTE: x\r\nTE: x\r\n", NONE);
    BAD_REPLY("HTTP/1.1 200 OK\r\nContent-Range: x\r\nContent-Range: x\r\n\r\n", NONE);
}

static void connection_options(void)
{
    request("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n");
    ok(!h.keep_alive && h.close_asked, "close wins");
    request("GET / HTTP/1.1\r\nHost: a\r\nConnection: xclosex\r\n\r\n");
    ok(h.keep_alive, "a part of a word is no option");
    request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    ok(h.upgrade, "an upgrade");
    request("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n");
    ok(!h.upgrade, "not without its field");
    request("GET / HTTP/1.1\r\nHost: a\r\nTE: gzip, trailers\r\nConnection: a\r\n"
            "Connection: te\r\n\r\n");
    ok(h.te_trailers, "trailers are welcome; two Connection fields count as one");
    request("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
    ok(!h.te_trailers, "not when the option is missing");
    request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n");
    ok(h.expect_continue, "an expectation");
    request("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    ok(!h.expect_continue, "not in 1.0");
}

static void limits_hold(void)
{
    struct h1_limits small = {.line_bytes = 40, .head_bytes = 100, .fields = 3};
    static char text[200];

    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    is_int(read_as(H1_REQUEST, &small, (struct str){text, 39}), H1_MORE, "a line not yet too long");
    is_int(read_as(H1_REQUEST, &small, (struct str){text, 40}), H1_BAD, "now it is");
    is_int(h1_fault_status(h.fault), 414, "414");
    memcpy(text, "GET / HTTP/1.0\r\nX:", 18);
    is_int(read_as(H1_REQUEST, &small, (struct str){text, 56}), H1_BAD, "a field line too long");
    is_int(h1_fault_status(h.fault), 494, "494");
    read_as(H1_REQUEST, &small, STR("GET /aaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.0\r\n\r\n"));
    is_int(h.fault, H1_FAULT_LINE_TOO_LONG, "a complete line that is too long");
    read_as(H1_REQUEST, &small, STR("GET / HTTP/1.0\r\na:b\r\na:b\r\na:b\r\n\r\n"));
    is_int(h.fault, H1_FAULT_NONE, "as many fields as are allowed");
    read_as(H1_REQUEST, &small, STR("GET / HTTP/1.0\r\na:b\r\na:b\r\na:b\r\na:b\r\n\r\n"));
    is_int(h.fault, H1_FAULT_TOO_MANY_FIELDS, "one more");
    small.fields = 100;
    for (size_t i = 16; i + 5 <= sizeof(text); i += 5)
        memcpy(text + i, "a:b\r\n", 5);
    read_as(H1_REQUEST, &small, (struct str){text, sizeof(text)});
    is_int(h.fault, H1_FAULT_HEAD_TOO_LARGE, "too many bytes in all");
    memset(text, '\n', sizeof(text));
    is_int(read_as(H1_REQUEST, &small, (struct str){text, sizeof(text)}), H1_BAD,
           "blank lines only");
}

static void many_fields_move_to_the_pool(void)
{
    static char text[8000];
    char *p = text + sprintf(text, "GET / HTTP/1.0\r\n");

    for (int i = 0; i < 90; i++)
        p += sprintf(p, "N-%d: %d\r\n", i, i);
    p += sprintf(p, "Connection: keep-alive\r\n\r\n");
    is_int(request(text), H1_DONE, "ninety fields");
    is_slice(h.fields.items[89].value, "89", "all there");
    ok(h.keep_alive, "and understood");
    ok(cuts_make_no_difference(H1_REQUEST, str_of(text), H1_DONE), "however it is cut");
}

static void replies(void)
{
    BAD_REPLY("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", NONE);
    ok(h.status == 200 && h.keep_alive, "a response");
    is_slice(h.reason, "OK", "its reason");
    is_int(h.bytes, 38, "its size");
    is_int(h1_body_kind(&h, false), H1_BODY_LENGTH, "its body");
    is_int(h1_body_kind(&h, true), H1_BODY_NONE, "none for HEAD");
    BAD_REPLY("HTTP/1.1 204\r\n\r\n", NONE);
    is_slice(h.reason, "", "a missing reason");
    is_int(h1_body_kind(&h, false), H1_BODY_NONE, "204 has no body");
    BAD_REPLY("HTTP/1.0 200 \xe4\r\n\r\n", NONE);
    ok(h1_body_kind(&h, false) == H1_BODY_CLOSE && !h.keep_alive, "until the end");
    BAD_REPLY("HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\n\r\n", NONE);
    is_int(h1_body_kind(&h, false), H1_BODY_NONE, "304 has no body");
    BAD_REPLY("HTTP/1.1 101 Switching\r\n\r\n", NONE);
    is_int(h1_body_kind(&h, false), H1_BODY_NONE, "101 neither");
    BAD_REPLY("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n",
              NONE);
    ok(h1_body_kind(&h, false) == H1_BODY_CHUNKED && !h.keep_alive, "1.0 with chunks is not kept");
    BAD_REPLY("HTTP/1.1 200 OK\r\nX_Y: \x01" "a\r\nTransfer-Encoding: chunked\r\n\r\n", NONE);
    is_slice(h.fields.items[0].value, "\x01" "a", "controls in values of origins pass");
    BAD_REPLY("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", BARE_CR);
    BAD_REPLY("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", NUL);
    BAD_REPLY("HTTP/1.1 20 OK\r\n\r\n", STATUS_LINE);
    BAD_REPLY("HTTP/1.1 099 OK\r\n\r\n", STATUS_LINE);
    BAD_REPLY("HTTP/1.1 2000\r\n\r\n", STATUS_LINE);
    BAD_REPLY("HTTP/2.0 200 OK\r\n\r\n", STATUS_LINE);
    BAD_REPLY("<html>", STATUS_LINE);
    BAD_REPLY("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
              LENGTH_WITH_CODING);
    BAD_REPLY("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
              LENGTH_DUPLICATE);
}

static bool host_is(const char *text, const char *want, int32_t want_port)
{
    bool has_upper;
    struct str host;
    int32_t port;

    if (!h1_host_parse(str_of(text), &host, &port, &has_upper))
        return want == NULL;
    return want != NULL && str_eq(host, str_of(want)) && port == want_port;
}

#define BAD_CGI(literal, fault) bad_as(H1_CGI, STR(literal), H1_FAULT_##fault)

/* RFC 3875, 6: the status is a field, or follows from what is there. */
static void cgi_replies(void)
{
    BAD_CGI("Content-Type: a/b\r\n\r\nx", NONE);
    is_int(h.status, 200, "success is not said");
    is_int(h1_body_kind(&h, false), H1_BODY_CLOSE, "a body that ends with the stream");
    BAD_CGI("Status: 404 Not Here\nContent-Length: 3\n\n", NONE);
    is_int(h.status, 404, "a status");
    is_slice(h.reason, "Not Here", "its reason");
    is_int(h1_body_kind(&h, false), H1_BODY_LENGTH, "a body of a length");
    BAD_CGI("Status: 404\r\n\r\n", NONE);
    is_slice(h.reason, "", "no reason");
    BAD_CGI("Location: /x\r\n\r\n", NONE);
    is_int(h.status, 302, "a redirect");
    BAD_CGI("Status: 201 Made\r\nLocation: /x\r\n\r\n", NONE);
    is_int(h.status, 201, "a location that is none");
    BAD_CGI("HTTP/1.1 500 No\r\nStatus: 202 Yes\r\n\r\n", NONE);
    is_int(h.status, 202, "a status line does not count");
    BAD_CGI("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", NONE);
    ok(!h.chunked, "nor does a coding");
    BAD_CGI("\r\n", NONE);
    BAD_CGI("Status: 20\r\n\r\n", STATUS_LINE);
    BAD_CGI("Status: 2000\r\n\r\n", STATUS_LINE);
    BAD_CGI("Status: 100 Go on\r\n\r\n", STATUS_LINE);
    BAD_CGI("Status: \r\n\r\n", STATUS_LINE);
    BAD_CGI("<html>\r\n", NO_COLON);
    BAD_CGI("Content-Length: 1\r\nContent-Length: 1\r\n\r\n", LENGTH_DUPLICATE);
}

static void cgi_replies_with_a_status_line(void)
{
    bad_as(H1_CGI_LINE, STR("HTTP/1.0 404 Not Here\r\nStatus: 200 OK\r\n\r\n"), H1_FAULT_NONE);
    is_int(h.status, 404, "a status line counts");
    is_slice(h.reason, "Not Here", "with its reason");
    bad_as(H1_CGI_LINE, STR("Status: 404 Not\r\n\r\n"), H1_FAULT_NONE);
    is_int(h.status, 404, "without one a field does");
    bad_as(H1_CGI_LINE, STR("HTTP/2 404 Not\r\nA: b\r\n\r\n"), H1_FAULT_NONE);
    is_int(h.status, 200, "a line that is none is skipped");
    bad_as(H1_CGI_LINE, STR("Hello: x\r\n\r\n"), H1_FAULT_NONE);
    is_int(h.status, 200, "what begins like one");
    bad_as(H1_CGI_LINE, STR("HTTP/1.1 204\r\nTransfer-Encoding: x\r\n\r\n"), H1_FAULT_NONE);
    is_int(h1_body_kind(&h, false), H1_BODY_NONE, "a status without a body");
}

static void hosts(void)
{
    static const struct {
        const char *text, *host;
        int32_t port;
    } cases[] = {
        {"a", "a", -1}, {"a:80", "a", 80}, {"a:", "a", -1}, {"a.", "a", -1}, {"a.:80", "a", 80},
        {"a_b", "a_b", -1}, {".a", ".a", -1}, {"1.2.3.4:5", "1.2.3.4", 5}, {"[::1]", "[::1]", -1},
        {"[::1]:80", "[::1]", 80}, {"a:65535", "a", 65535}, {"a%41", "a%41", -1}, {"-", "-", -1},
        {"", NULL, 0}, {".", NULL, 0}, {"a..b", NULL, 0}, {":80", NULL, 0}, {"a:x", NULL, 0},
        {"a:65536", NULL, 0}, {"a:80:80", NULL, 0}, {"[::1", NULL, 0}, {"[]", NULL, 0},
        {"[x]", NULL, 0}, {"[::1]x", NULL, 0}, {"::1", NULL, 0}, {"a/b", NULL, 0}, {"a@b", NULL, 0},
        {"a?b", NULL, 0}, {"a#b", NULL, 0}, {"a\\b", NULL, 0}, {"\"", NULL, 0}, {"a\xff", NULL, 0},
        {"a b", NULL, 0}, {"a:80.", NULL, 0},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char what[80];
        snprintf(what, sizeof(what), "host \"%s\"", cases[i].text);
        ok(host_is(cases[i].text, cases[i].host, cases[i].port), what);
    }
}

static void methods(void)
{
    bool all = true;

    for (int id = 1; id < METHODS; id++)
        all = all && method_find(method_name((enum method)id)) == (enum method)id;
    ok(all, "every method is found by its name");
    is_int(method_find(STR("get")), METHOD_OTHER, "case counts");
    ok(method_is_idempotent(METHOD_PUT) && !method_is_idempotent(METHOD_POST) &&
           !method_is_idempotent(METHOD_OTHER), "which may be repeated");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    a_request_is_taken_apart();
    request_lines();
    targets();
    old_versions();
    prefaces();
    what_can_be_no_request_is_seen_at_once();
    blank_lines_before();
    field_lines();
    odd_names();
    framing();
    hosts_of_requests();
    other_duplicates();
    connection_options();
    limits_hold();
    many_fields_move_to_the_pool();
    replies();
    cgi_replies();
    cgi_replies_with_a_status_line();
    hosts();
    methods();
    pool_destroy(pool);
    return tap_done();
}
