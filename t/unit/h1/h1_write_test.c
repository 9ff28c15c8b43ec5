/*
 * t/unit/h1/h1_write_test.c - heads of responses, byte for byte.
 */
#include "t/unit/h1/h1_kit.h"

static const char config[] =
    "events { } http { server_tokens off; server { listen 127.0.0.1:80;\n"
    "    location / { toy custom; }\n"
    "    location /header { keepalive_timeout 75s 20s; toy custom; }\n"
    "    location /plain { chunked_transfer_encoding off; toy custom; } } }";

static struct response wanted; /* what the handler answers with */
static struct http_field wanted_fields[4];
static const char *wanted_body;

static enum verdict answer(struct request *r)
{
    struct http_fields *fields = r->out.fields;

    r->out = wanted;
    r->out.fields = fields;
    for (size_t i = 0; i < COUNT(wanted_fields) && wanted_fields[i].name.data != NULL; i++) {
        struct http_field *f = fields_add(fields, wanted_fields[i].name, wanted_fields[i].value,
                                          wanted_fields[i].id);

        f->flags = wanted_fields[i].flags;
    }
    if (wanted_body != NULL)
        r->out.body = source_memory(request_pool(r), str_of(wanted_body));
    return ANSWERED;
}

/* What a client gets that asks in these words, less the line with the date. */
static const char *reply(const struct kit *kit, const char *request)
{
    static char text[8192];
    int fd = client_open(kit);
    struct str got;
    char *date;

    client_say(fd, request);
    got = client_hear(fd, NULL);
    close(fd);
    kit_turns(4);
    memcpy(text, got.data, got.len + 1);
    date = strstr(text, "Date: ");
    if (date != NULL)
        memmove(date, date + 37, strlen(date + 37) + 1);
    return text;
}

static void set_answer(int status, int64_t length, const char *body)
{
    wanted = (struct response){.status = (uint16_t)status, .length = length};
    memset(wanted_fields, 0, sizeof(wanted_fields));
    wanted_body = body;
}

#define ASK "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OLD "GET / HTTP/1.0\r\n\r\n"

static void framing(const struct kit *kit)
{
    set_answer(200, 2, "hi");
    is_str(reply(kit, ASK), "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 2\r\n"
                            "Connection: keep-alive\r\n\r\nhi", "a length");
    is_str(reply(kit, HEAD), "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 2\r\n"
                             "Connection: keep-alive\r\n\r\n", "for HEAD, and no body");
    is_str(reply(kit, OLD), "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 2\r\n"
                            "Connection: close\r\n\r\nhi", "for HTTP/1.0");
    is_str(reply(kit, "GET /header HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
           "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Length: 2\r\nConnection: keep-alive\r\n"
           "Keep-Alive: timeout=20\r\n\r\nhi", "that wants to stay, and is told how long");
    set_answer(200, -1, "hi");
    is_str(reply(kit, ASK), "HTTP/1.1 200 OK\r\nServer: weir\r\nTransfer-Encoding: chunked\r\n"
                            "Connection: keep-alive\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "chunks");
    is_str(reply(kit, HEAD), "HTTP/1.1 200 OK\r\nServer: weir\r\nConnection: keep-alive\r\n\r\n",
           "not for HEAD");
    is_str(reply(kit, OLD), "HTTP/1.1 200 OK\r\nServer: weir\r\nConnection: close\r\n\r\nhi",
           "not for HTTP/1.0: the end is the end");
    is_str(reply(kit, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"),
           "HTTP/1.1 200 OK\r\nServer: weir\r\nConnection: close\r\n\r\nhi",
           "nor where chunks are off");
    set_answer(200, -1, NULL);
    is_str(reply(kit, ASK), "HTTP/1.1 200 OK\r\nServer: weir\r\nTransfer-Encoding: chunked\r\n"
                            "Connection: keep-alive\r\n\r\n0\r\n\r\n", "no body is an empty one");
    set_answer(204, 0, NULL);
    is_str(reply(kit, ASK), "HTTP/1.1 204 No Content\r\nServer: weir\r\n"
                            "Connection: keep-alive\r\n\r\n", "204 has no body to be framed");
    set_answer(304, -1, NULL);
    is_str(reply(kit, ASK), "HTTP/1.1 304 Not Modified\r\nServer: weir\r\n"
                            "Connection: keep-alive\r\n\r\n", "nor has 304");
}

/* A source must not promise more, or less, than it has. */
static void bodies_that_lie(const struct kit *kit)
{
    set_answer(200, 1, "hi");
    ok(str_ends(str_of(reply(kit, ASK ASK)), STR("\r\n\r\n")),
       "of a body longer than its head said nothing is sent");
    set_answer(200, 3, "hi");
    is_int(occurrences(str_of(reply(kit, ASK ASK)), "HTTP/1.1 "), 1,
           "behind a shorter one nothing follows");
}

static void lines(const struct kit *kit)
{
    set_answer(299, 0, NULL);
    is_str(reply(kit, ASK), "HTTP/1.1 299 \r\nServer: weir\r\nContent-Length: 0\r\n"
                            "Connection: keep-alive\r\n\r\n", "a status without a name");
    wanted.reason = STR("Fine");
    ok(str_starts(str_of(reply(kit, ASK)), STR("HTTP/1.1 299 Fine\r\n")), "or with one of its own");
    set_answer(200, 0, NULL);
    wanted.type = STR("text/html");
    wanted.charset = STR("utf-8");
    wanted.etag = STR("\"e\"");
    wanted.encoding = STR("gzip");
    wanted.accept_ranges = wanted.has_last_modified = true;
    wanted.last_modified = 784111777;
    wanted.location = STR("http://b/");
    wanted_fields[0] = (struct http_field){STR_INIT("X-One"), STR_INIT("1"), FIELD_OTHER, 0};
    wanted_fields[1] =
        (struct http_field){STR_INIT("X-Gone"), STR_INIT("2"), FIELD_OTHER, FIELD_DELETED};
    is_str(reply(kit, ASK),
           "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Type: text/html; charset=utf-8\r\n"
           "Content-Length: 0\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
           "Location: http://b/\r\nConnection: keep-alive\r\nX-One: 1\r\n"
           "Content-Encoding: gzip\r\nETag: \"e\"\r\nAccept-Ranges: bytes\r\n\r\n",
           "every line there is, in their order");
    set_answer(200, 0, NULL);
    wanted_fields[0] = (struct http_field){STR_INIT("Server"), STR_INIT("o"), FIELD_SERVER, 0};
    wanted_fields[1] = (struct http_field){STR_INIT("Date"), STR_INIT("now"), FIELD_DATE, 0};
    ok(str_search(str_of(reply(kit, ASK)), STR("Server: weir\r\n")) < 0,
       "an origin's Server stays");
}

static void no_line_is_smuggled_in(const struct kit *kit)
{
    const char *got;

    set_answer(302, 0, NULL);
    wanted.location = STR("/x\r\nSet-Cookie: a=b");
    wanted_fields[0] =
        (struct http_field){STR_INIT("X-One"), STR_INIT("1\r\n\r\n<html>"), FIELD_OTHER, 0};
    got = reply(kit, ASK);
    ok(strstr(got, "\nSet-Cookie") == NULL, "line ends within a location");
    ok(strstr(got, "X-One: 1    <html>\r\n") != NULL, "and within a field become blanks");
}

static void a_large_head(const struct kit *kit)
{
    static char big[100001];
    int fd = client_open(kit);
    struct str got;

    memset(big, 'v', sizeof(big) - 1);
    set_answer(200, 2, "hi");
    for (size_t i = 0; i < COUNT(wanted_fields); i++)
        wanted_fields[i] = (struct http_field){STR_INIT("X-Big"), str_of(big), FIELD_OTHER, 0};
    wanted_fields[3].name = STR_NONE;
    client_say(fd, ASK);
    got = client_hear(fd, NULL);
    ok(got.len > 300000 && str_ends(got, STR("\r\n\r\nhi")), "fits");
    close(fd);
    kit_turns(4);
}

int main(void)
{
    struct kit *kit = h1_kit(config);

    custom = answer;
    framing(kit);
    bodies_that_lie(kit);
    lines(kit);
    no_line_is_smuggled_in(kit);
    a_large_head(kit);
    h1_kit_end(kit);
    return tap_done();
}
