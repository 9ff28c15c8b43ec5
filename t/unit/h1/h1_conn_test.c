/*
 * t/unit/h1/h1_conn_test.c - connections of HTTP/1: one request after the other, whatever way they
 * come in, and every way they can end.
 */
#include "t/unit/h1/h1_kit.h"

static const char config[] =
    "events { } http {\n"
    "  keepalive_timeout 75s; client_header_timeout 60s; client_body_timeout 30s;\n"
    "  send_timeout 20s; lingering_time 30s; lingering_timeout 5s;\n"
    "  client_max_body_size 0; client_body_buffer_size 4m;\n"
    "  server { listen 127.0.0.1:80; error_page 400 =200 /instead;\n"
    "    location / { return 200 \"path $uri\\n\"; }\n"
    "    location /instead { return 200 \"instead\\n\"; }\n"
    "    location /echo { toy echo; }\n"
    "    location /chunks { toy chunks; }\n"
    "    location /park { toy park; }\n"
    "    location /hint { toy hint; }\n"
    "    location /small { client_max_body_size 10; toy echo; error_page 413 =200 /instead; }\n"
    "    location /silent { return 444; } } }";

static const char dialogue[] =
    "GET /one HTTP/1.1\r\nHost: a\r\n\r\n"
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    "\r\n"
    "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0a;x=y\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"
    "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nskipped"
    "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nskip\r\n0\r\n\r\n"
    "HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n"
    "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

static char expected[16384];

/* The dialogue, in two pieces cut at `at`. */
static bool same_in_pieces(const struct kit *kit, size_t at)
{
    int fd = client_open(kit);
    struct str all = str_of(dialogue), got;
    bool ended;

    client_send(fd, (struct str){all.data, at});
    client_send(fd, str_from(all, at));
    got = client_hear(fd, &ended);
    close(fd);
    kit_turns(2);
    if (expected[0] == '\0')
        memcpy(expected, got.data, got.len);
    if (ended && str_eq(got, str_of(expected)))
        return true;
    printf("# cut at %zu: %s%.*s\n", at, ended ? "" : "not closed: ", (int)got.len, got.data);
    return false;
}

static void a_dialogue_cut_anywhere(const struct kit *kit)
{
    size_t differ = 0;

    ok(same_in_pieces(kit, sizeof(dialogue) - 1), "seven requests at once, and the end");
    is_int(occurrences(str_of(expected), "HTTP/1.1 200 OK"), 7, "all are answered");
    ok(strstr(expected, "\r\n\r\nhello") != NULL, "a body of known length");
    ok(strstr(expected, "\r\n\r\nd\r\nabc0123456789\r\n0\r\n\r\n") != NULL, "one in chunks");
    ok(strstr(expected, "path /last\n") != NULL, "the last one is found");
    is_int(occurrences(str_of(expected), "path /head"), 0, "HEAD has no body");
    for (size_t at = 1; at < sizeof(dialogue) - 1; at++)
        differ += !same_in_pieces(kit, at);
    is_int((int64_t)differ, 0, "the answers are the same wherever it is cut");
}

static void byte_by_byte(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str got;
    bool ended;

    for (size_t i = 0; i < sizeof(dialogue) - 1; i++)
        client_send(fd, (struct str){dialogue + i, 1});
    got = client_hear(fd, &ended);
    ok(ended && str_eq(got, str_of(expected)), "and when each byte comes alone");
    close(fd);
}

#define MANY 300

static void pipelining_leaves_turns_to_others(const struct kit *kit)
{
    static char text[MANY * 40];
    int fd = client_open(kit), other = client_open(kit);
    size_t len = 0;
    uint32_t before = logged_count;
    struct str got;

    for (int i = 0; i < MANY; i++)
        len += (size_t)sprintf(text + len, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
    must(write(fd, text, len) == (ssize_t)len);
    must(write(other, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n", 33) == 33);
    kit_turns(2);
    ok(logged_count - before < MANY, "not all of three hundred requests run in one turn");
    ok(client_hear(other, NULL).len > 0, "another connection is answered meanwhile");
    kit_turns(20);
    got = client_hear(fd, NULL);
    is_int(occurrences(got, "HTTP/1.1 200"), MANY, "all are in the end");
    ok(str_search(got, STR("path /299\n")) > str_search(got, STR("path /298\n")), "in order");
    close(fd);
    close(other);
    kit_turns(2);
}

static void half_closed(const struct kit *kit)
{
    int fd = client_open(kit);
    bool ended;

    must(write(fd, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n", 32) == 32);
    shutdown(fd, SHUT_WR);
    kit_turns(4);
    ok(str_search(client_hear(fd, &ended), STR("path /half\n")) > 0, "who half-closes is answered");
    ok(ended, "and then closed");
    close(fd);
}

static void a_client_gone(const struct kit *kit)
{
    int fd = client_open(kit);

    client_say(fd, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    ok(parked != NULL, "a request waits");
    close(fd);
    kit_turns(4);
    ok(parked != NULL && conn_stats.open == 1, "nobody minds that the client is gone");
    request_resume(parked);
    kit_turns(4);
    is_int(conn_stats.open, 0, "until there is something to send");
}

static void nothing_but_an_open(const struct kit *kit)
{
    int fd = client_open(kit);
    uint32_t before = logged_count;

    kit_pass(59000);
    ok(!client_closed(fd), "a connection waits for its first request");
    kit_pass(2000);
    ok(client_closed(fd), "no longer than client_header_timeout");
    is_int(logged_count, before, "and is not logged");
    close(fd);
}

static void a_head_that_does_not_end(const struct kit *kit)
{
    int fd = client_open(kit);
    uint32_t before = logged_count;

    client_say(fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 70; i++) {
        kit_pass(900);
        if (i % 10 == 0)
            client_say(fd, "X-Y: z\r\n");
    }
    ok(client_closed(fd), "bytes that drip in do not prolong a head's time");
    is_int(logged_count - before, 1, "it is logged");
    is_int(logged[before % COUNT(logged)].status, 408, "as 408");
    close(fd);
}

static void idle_between_requests(const struct kit *kit)
{
    int fd = client_open(kit);

    client_say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ok(!client_closed(fd), "kept after a request");
    kit_pass(70000);
    ok(!client_closed(fd), "for a while");
    kit_pass(10000);
    ok(client_closed(fd), "but not longer than keepalive_timeout");
    close(fd);
}

static void a_body_that_does_not_come(const struct kit *kit)
{
    int fd = client_open(kit);
    uint32_t before = logged_count;
    struct str got;
    bool ended;

    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    kit_pass(29000);
    client_say(fd, "l");
    kit_pass(29000);
    is_int(logged_count, before, "a byte renews a body's time");
    kit_pass(2000);
    got = client_hear(fd, &ended);
    ok(ended && got.len == 0, "closed without a word when it is over");
    is_int(logged[before % COUNT(logged)].status, 408, "logged as 408");
    close(fd);
}

static void a_client_that_does_not_read(const struct kit *kit)
{
    static char body[3 << 20];
    int fd = client_open(kit);
    uint32_t before = logged_count;

    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3145728\r\n\r\n");
    memset(body, 'x', sizeof(body));
    client_send(fd, (struct str){body, sizeof(body)});
    is_int(logged_count, before, "a large answer waits for its reader");
    kit_pass(19000);
    is_int(logged_count, before, "within send_timeout");
    kit_pass(2000);
    is_int(logged_count - before, 1, "not beyond");
    ok(!logged[before % COUNT(logged)].complete, "it is not complete");
    ok(logged[before % COUNT(logged)].body_sent < sizeof(body),
       "and what was not sent is not counted");
    close(fd);
}

static void what_was_sent_is_counted(const struct kit *kit)
{
    int fd = client_open(kit);
    struct logged *l = &logged[logged_count % COUNT(logged)];
    struct str got;

    client_say(fd, "GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    got = client_hear(fd, NULL);
    is_int((int64_t)l->body_sent, 12, "of the body");
    is_int((int64_t)(l->head_sent + l->body_sent), (int64_t)got.len, "and of all");
    ok(l->complete, "a last answer on its connection is complete too");
    close(fd);
    kit_turns(2);
}

static void an_old_client_on_a_used_stream(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str got;
    bool ended;

    client_say(fd, "HEAD /before HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    close(fd);
    kit_turns(2);
    fd = client_open(kit);
    client_say(fd, "GET /nine\r\n");
    got = client_hear(fd, &ended);
    is_slice(got, "path /nine\n", "HTTP/0.9 gets the body alone");
    ok(ended, "and the end");
    close(fd);
}

/* What follows a broken body is no request, whatever the error's page says. */
static void nothing_is_taken_from_behind_a_broken_body(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str got;
    bool ended;

    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "zz\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    got = client_hear(fd, &ended);
    ok(str_search(got, STR("instead\n")) > 0, "an error page");
    ok(str_search(got, STR("Connection: close\r\n")) > 0, "says that this is the end");
    is_int(occurrences(got, "HTTP/1.1 "), 1, "no second answer");
    ok(ended, "our side is shut");
    close(fd);
    kit_turns(2);
}

static void pages_for_a_body_that_is_too_large(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str got;

    client_say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
    got = client_hear(fd, NULL);
    ok(str_search(got, STR("\r\n\r\ninstead\n")) > 0, "a length: the error page");
    close(fd);
    fd = client_open(kit);
    client_say(fd, "POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "b\r\nhello world\r\n0\r\n\r\n");
    got = client_hear(fd, NULL);
    ok(str_search(got, STR("\r\n\r\ninstead\n")) > 0, "chunks: the same");
    close(fd);
    kit_turns(4);
}

static void a_silent_end(const struct kit *kit)
{
    int fd = client_open(kit);
    bool ended;

    client_say(fd, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
    is_slice(client_hear(fd, &ended), "", "444 sends nothing");
    ok(ended, "and closes");
    close(fd);
}

/* Bytes that come and go as the test wants ----------------------------------------------------- */

static size_t sendable;     /* how much the socket takes */
static size_t endless_reads; /* how often bytes were asked for */
static bool endless;

static ssize_t stingy_recv(struct conn *c, void *into, size_t room)
{
    if (!endless)
        return conn_plain.recv(c, into, room);
    endless_reads++;
    memset(into, 'x', room);
    c->ev.readable = true;
    return (ssize_t)room;
}

static enum rc stingy_send(struct conn *c, struct chain *out, size_t max)
{
    size_t now = MIN(MIN(max, out->bytes), sendable);
    enum rc rc = now > 0 ? conn_plain.send(c, out, now) : RC_OK;

    sendable -= now;
    if (rc == RC_OK && now < MIN(max, out->bytes + now)) {
        c->ev.writable = false;
        return RC_AGAIN;
    }
    return rc;
}

static void stingy_shutdown(struct conn *c)
{
    conn_plain.shutdown(c);
}

static const struct conn_io stingy_io = {stingy_recv, stingy_send, stingy_shutdown};

/* The socket takes `bytes` more, and says so. */
static void let_send(struct conn *c, size_t bytes)
{
    sendable = bytes;
    c->ev.writable = true;
    c->ev.on_event(&c->ev);
    kit_turns(4);
}

/* A client whose connection has had a request, and now stingy_io below it. */
static int stingy_client(const struct kit *kit, struct conn **conn)
{
    int fd = client_open(kit);

    sendable = SIZE_MAX;
    endless = false;
    client_say(fd, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    *conn = parked->scope.conn;
    (*conn)->io = &stingy_io;
    request_resume(parked);
    kit_turns(4);
    client_hear(fd, NULL);
    return fd;
}

static void an_invitation_that_does_not_fit(const struct kit *kit)
{
    struct conn *conn;
    int fd = stingy_client(kit, &conn);
    struct str got;

    sendable = 10;
    client_say(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Length: 5\r\n\r\n");
    is_slice(client_hear(fd, NULL), "HTTP/1.1 1", "a part of the invitation");
    let_send(conn, SIZE_MAX);
    is_slice(client_hear(fd, NULL), "00 Continue\r\n\r\n", "the rest when there is room");
    client_say(fd, "hello");
    got = client_hear(fd, NULL);
    ok(str_starts(got, STR("HTTP/1.1 200 OK\r\n")), "then the answer");
    ok(str_ends(got, STR("\r\n\r\nhello")), "with the body");
    close(fd);
    kit_turns(2);
}

static void hints_come_before_the_answer(const struct kit *kit)
{
    int fd = client_open(kit);
    struct str got;

    client_say(fd, "GET /hint HTTP/1.1\r\nHost: a\r\n\r\n");
    got = client_hear(fd, NULL);
    ok(str_starts(got, STR("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n")),
       "103 and its field");
    close(fd);
    fd = client_open(kit);
    client_say(fd, "GET /hint HTTP/1.0\r\n\r\n");
    got = client_hear(fd, NULL);
    ok(str_starts(got, STR("HTTP/1.1 200 OK\r\n")), "not for HTTP/1.0");
    close(fd);
    kit_turns(2);
}

/* A client that never stops sending, faster than we can read. */
static void flood(const struct kit *kit, const char *head, int64_t ends_after_ms, const char *what)
{
    struct conn *conn;
    int fd = stingy_client(kit, &conn);
    uint32_t open = conn_stats.open;

    client_say(fd, head);
    endless = true;
    endless_reads = 0;
    client_send(fd, STR("x"));
    ok(endless_reads > 0 && endless_reads < 5000, what);
    is_int(conn_stats.open, open, "not closed yet");
    kit_pass(ends_after_ms + 1000);
    is_int(conn_stats.open, open - 1, "closed in the end");
    endless = false;
    close(fd);
}

static void floods(const struct kit *kit)
{
    flood(kit, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n", 30000,
          "bytes behind a last answer are dropped a few at a time");
    flood(kit, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n", 30000,
          "so is a body that nobody reads");
}

static void draining(const struct kit *kit)
{
    int idle = client_open(kit), busy = client_open(kit), kept = client_open(kit);
    bool ended;

    client_say(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client_hear(idle, NULL);
    client_say(busy, "GET /park HTTP/1.1\r\nHost: a\r\n\r\n");
    conn_drain_all(true);
    kit_turns(4);
    ok(!client_closed(idle), "with a successor an idle connection waits a moment");
    client_say(kept, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    ok(str_search(client_hear(kept, &ended), STR("Connection: close\r\n")) > 0,
       "a request that comes then is the last one");
    ok(ended, "and the connection closed");
    kit_pass(3000);
    ok(client_closed(idle), "then it is closed");
    request_resume(parked);
    kit_turns(4);
    ok(str_search(client_hear(busy, &ended), STR("Connection: close\r\n")) > 0,
       "a request that runs is finished");
    ok(ended, "before its connection is closed");
    close(idle);
    close(busy);
    close(kept);
    idle = client_open(kit);
    conn_drain_all(false);
    kit_turns(2);
    ok(client_closed(idle), "without one idle connections are closed at once");
    close(idle);
}

int main(void)
{
    struct kit *kit = h1_kit(config);

    a_dialogue_cut_anywhere(kit);
    byte_by_byte(kit);
    pipelining_leaves_turns_to_others(kit);
    half_closed(kit);
    a_client_gone(kit);
    nothing_but_an_open(kit);
    a_head_that_does_not_end(kit);
    idle_between_requests(kit);
    a_body_that_does_not_come(kit);
    a_client_that_does_not_read(kit);
    what_was_sent_is_counted(kit);
    an_old_client_on_a_used_stream(kit);
    nothing_is_taken_from_behind_a_broken_body(kit);
    pages_for_a_body_that_is_too_large(kit);
    a_silent_end(kit);
    an_invitation_that_does_not_fit(kit);
    hints_come_before_the_answer(kit);
    floods(kit);
    draining(kit);
    h1_kit_end(kit);
    return tap_done();
}
