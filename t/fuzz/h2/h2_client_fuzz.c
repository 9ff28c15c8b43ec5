/*
 * t/fuzz/h2/h2_client_fuzz.c - an origin of HTTP/2 that does anything, and those who call it.
 *
 * The input is a program: each step sends a frame that is right but for what the input chooses, or
 * raw bytes, or lets one of the callers begin, write, read or leave. Whatever happens, everything
 * is given back when all have left.
 */
#include "common/addr.h"
#include "t/fuzz/script.h"
#include "t/unit/net/net_kit.h"
#include "worker/h2/h2_client.h"
#include "worker/upstream/balancer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLERS 4

static struct upstream_server server = {.weight = 1, .max_fails = 0, .fail_timeout_s = 10};
static struct upstream_conf conf = {.keepalive = 2, .keepalive_requests = 50,
                                    .keepalive_timeout_ms = 60000, .keepalive_time_ms = 3600000};
static struct peer peer;
static struct upstream_group group = {.name = STR_INIT("g"), .peers = &peer, .primaries = 1,
                                      .tries = 1, .single = true, .conf = &conf,
                                      .balancer = &round_robin};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 1};
static struct dial_options options = {.keepalive = true, .shared = &h2_shared,
                                      .exchange.connect_timeout_ms = 1000};
static struct log quiet;
static int listener;

static struct caller {
    struct dial dial;
    struct post post;
    struct pool *pool;           /* NULL: nobody */
    bool begun;
    struct http_fields head, trailers;
    struct h2_fields fields, ends;
} callers[CALLERS];

struct program {
    struct script s;
    int fd;                      /* the origin's end of the newest connection; -1: none */
};

/* Callers -------------------------------------------------------------------------------------- */

static void on_post(struct post *post)
{
}

static void leave(struct caller *c)
{
    if (c->pool == NULL)
        return;
    dial_cancel(&c->dial);
    post_cancel(&c->post);
    pool_destroy(c->pool);
    c->pool = NULL;
}

static void arrive(struct caller *c)
{
    leave(c);
    memset(c, 0, sizeof(*c));
    c->pool = pool_create(POOL_BLOCK);
    c->post.run = on_post;
    c->dial.group = &group;
    c->dial.options = &options;
    c->dial.log = &quiet;
    c->dial.pool = c->pool;
    c->dial.done = &c->post;
    dial_init(&c->dial);
    dial_start(&c->dial);
}

static void begin(struct caller *c, bool has_body)
{
    struct h2_question question = {.fields = &c->fields, .has_body = has_body, .pool = c->pool,
                                   .head = &c->head, .trailers = &c->trailers,
                                   .head_max_bytes = 500};

    if (c->pool == NULL || c->dial.state != DIAL_READY || c->begun)
        return;
    c->begun = true;
    fields_init(&c->head, c->pool);
    fields_init(&c->trailers, c->pool);
    h2_fields_init(&c->fields, c->pool, 4, false);
    h2_fields_add(&c->fields, STR(":method"), STR("POST"));
    h2_fields_add(&c->fields, STR(":scheme"), STR("http"));
    h2_fields_add(&c->fields, STR(":path"), STR("/"));
    h2_fields_add(&c->fields, STR(":authority"), STR("a"));
    h2_fields_init(&c->ends, c->pool, 1, false);
    h2_fields_add(&c->ends, STR("x-end"), STR("1"));
    h2_call_begin(c->dial.exchange, &question);
}

static void say(struct caller *c, size_t bytes)
{
    static const char zeros[65536];
    struct exchange *x = c->dial.exchange;
    struct chain out;

    if (c->pool == NULL || !c->begun)
        return;
    if (bytes == 0) {
        h2_call_end(x, (c - callers) % 2 == 0 ? NULL : &c->ends);
        return;
    }
    if (!x->conn.ev.writable)
        return;
    chain_init(&out);
    chain_add(&out, zeros, bytes);
    conn_send(&x->conn, &out, SIZE_MAX);
    chain_clear(&out);
}

static void hear(struct caller *c, size_t bytes)
{
    struct exchange *x = c->dial.exchange;
    char into[65536];
    ssize_t n;

    if (c->pool == NULL || !c->begun)
        return;
    while (h2_call_hint(x) != NULL)
        continue;
    if (h2_call_status(x) != 0)
        must(h2_call_status(x) >= 200 && h2_call_status(x) < 1000);
    if (!x->conn.ev.readable)
        return;
    n = conn_recv(&x->conn, into, MAX(bytes, 1));
    must(n != CONN_EOF || h2_call_is_over(x));
    must(n != CONN_AGAIN || h2_call_fate(x) == H2_FATE_OPEN);
}

/* The origin ----------------------------------------------------------------------------------- */

static void turns(int n)
{
    while (n-- > 0)
        loop_turn(loop, 0);
}

static void send_bytes(struct program *p, struct str bytes)
{
    char drop[65536];

    if (p->fd < 0)
        return;
    while (recv(p->fd, drop, sizeof(drop), MSG_DONTWAIT) > 0)
        continue;
    if (send(p->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        close(p->fd);
        p->fd = -1;
    }
    turns(1);
}

static void send_frame(struct program *p, uint8_t type, uint8_t flags, uint32_t stream,
                       struct str payload)
{
    char frame[9 + 65536] = {(char)(payload.len >> 16), (char)(payload.len >> 8),
                             (char)payload.len, (char)type, (char)flags, 0, 0,
                             (char)(stream >> 8), (char)stream};

    memcpy(frame + 9, payload.data, payload.len);
    send_bytes(p, (struct str){frame, 9 + payload.len});
}

static void accept_one(struct program *p)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (p->fd >= 0)
        close(p->fd);
    p->fd = fd;
    send_frame(p, NGHTTP2_SETTINGS, 0, 0, STR(""));
}

static uint32_t some_stream(struct program *p)
{
    return take(&p->s, 1) % 12;
}

/* ":status: 200", 103 or what the input says, and more of the input's. */
static void send_head(struct program *p, uint8_t flags)
{
    static const char *const starts[] = {"\x88", "\x08\x03" "103", "\x08\x03" "302", ""};
    struct str start = str_of(starts[take(&p->s, 1) % COUNT(starts)]);
    uint32_t stream = some_stream(p);
    struct str more = take_bytes(&p->s);
    char block[300];

    memcpy(block, start.data, start.len);
    memcpy(block + start.len, more.data, more.len);
    send_frame(p, NGHTTP2_HEADERS, flags, stream, (struct str){block, start.len + more.len});
}

static void send_data(struct program *p)
{
    static const char zeros[20000];
    uint32_t flags = take(&p->s, 1), stream = some_stream(p), len = take(&p->s, 2) % sizeof(zeros);

    send_frame(p, NGHTTP2_DATA, (uint8_t)flags, stream, (struct str){zeros, len});
}

static void send_number(struct program *p, uint8_t type, uint32_t stream)
{
    uint32_t n = take(&p->s, 4);
    char bytes[8] = {0, 0, 0, (char)take(&p->s, 1), (char)(n >> 24), (char)(n >> 16),
                    (char)(n >> 8),
                     (char)n};

    if (type == NGHTTP2_GOAWAY)
        send_frame(p, type, 0, 0, (struct str){bytes, 8});
    else
        send_frame(p, type, 0, stream, (struct str){bytes + 4, 4});
}

static void send_setting(struct program *p)
{
    uint32_t n = take(&p->s, 4);
    char bytes[6] = {0, (char)(take(&p->s, 1) % 8), (char)(n >> 24), (char)(n >> 16),
                    (char)(n >> 8),
                     (char)n};

    send_frame(p, NGHTTP2_SETTINGS, 0, 0, (struct str){bytes, 6});
}

/* Steps ---------------------------------------------------------------------------------------- */

static void origin_step(struct program *p, uint32_t what)
{
    switch (what) {
    case 0:
        send_bytes(p, take_bytes(&p->s));
        break;
    case 1:
        send_head(p, NGHTTP2_FLAG_END_HEADERS);
        break;
    case 2:
        send_head(p, (uint8_t)take(&p->s, 1));
        break;
    case 3:
        send_data(p);
        break;
    case 4:
        send_number(p, NGHTTP2_RST_STREAM, some_stream(p));
        break;
    case 5:
        send_number(p, NGHTTP2_WINDOW_UPDATE, some_stream(p));
        break;
    case 6:
        send_number(p, NGHTTP2_GOAWAY, 0);
        break;
    case 7:
        send_setting(p);
        break;
    case 8: {
        uint32_t type = take(&p->s, 1), flags = take(&p->s, 1), stream = some_stream(p);

        send_frame(p, (uint8_t)type, (uint8_t)flags, stream, take_bytes(&p->s));
        break;
    }
    }
}

static void step(struct program *p)
{
    uint32_t what = take(&p->s, 1);
    struct caller *c = &callers[what / 16 % CALLERS];

    switch (what % 16) {
    case 9:
        arrive(c);
        turns(2);
        accept_one(p);
        begin(c, false);
        break;
    case 10:
        arrive(c);
        turns(2);
        accept_one(p);
        begin(c, true);
        break;
    case 11:
        leave(c);
        break;
    case 12:
        say(c, take(&p->s, 2));
        break;
    case 13:
        hear(c, take(&p->s, 2));
        break;
    case 14:
        turns(2);
        accept_one(p);
        break;
    case 15:
        if (p->fd >= 0)
            close(p->fd);
        p->fd = -1;
        turns(1);
        break;
    default:
        origin_step(p, what % 16);
    }
}

static void set_up(void)
{
    const char *why;

    kit_start();
    addr_parse(&peer.addr, STR("127.0.0.1"), 0, &why);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(bind(listener, &peer.addr.sa, peer.addr.len) == 0 && listen(listener, 16) == 0 &&
         getsockname(listener, &peer.addr.sa, &peer.addr.len) == 0);
    peer.name = STR("a");
    peer.server = &server;
    peer.group = &group;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct program p = {.s = {data, data + size}, .fd = -1};
    static bool ready;

    if (!ready)
        set_up();
    ready = true;
    peer_attach(&set, 1);
    for (int steps = 0; p.s.at < p.s.end && steps < 300; steps++)
        step(&p);
    for (int i = 0; i < CALLERS; i++)
        leave(&callers[i]);
    turns(2);
    accept_one(&p);
    if (p.fd >= 0)
        close(p.fd);
    peer_detach();
    turns(3);
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;)
        close(fd);
    must(conn_stats.open == 0);
    return 0;
}
