/*
 * worker/h2/h2_tunnel.c - a stream lent as a connection: extended CONNECT (RFC 8441).
 *
 * The request goes through the engine as the handshake that WebSocket has in HTTP/1.1, so that
 * every rule of the configuration meets it as it would there. What its origin's 101 opens is this:
 * a connection without a descriptor, whose reads are the request's DATA and whose writes become
 * the response's. A small box holds what was written and has no frame yet.
 */
#include "worker/h2/h2_tunnel.h"

#include <errno.h>

#include "common/base64.h"
#include "common/random.h"
#include "worker/http/phase.h"

#define BOX_BYTES   (64 * 1024) /* most that waits for the client's window */
#define NONCE_BYTES 16          /* RFC 6455, 4.1 */

struct h2_tunnel {
    struct conn conn;           /* first: what is lent */
    struct h2_stream *stream;
    struct source source;       /* the response's body */
    struct buf sending, box;    /* given to the library; written since */
    struct post news;           /* of the request's DATA */
    struct post *taker;         /* who has the connection; NULL: nobody any more */
    bool shut;                  /* nothing more will be written */
};

/* The handshake -------------------------------------------------------------------------------- */

static void add(struct h2_stream *s, const char *name, struct str value, enum field_id id)
{
    fields_add(&s->in, str_of(name), value, (uint8_t)id);
}

bool h2_tunnel_ask(struct h2_stream *s)
{
    char *key = pool_bytes(request_pool(&s->r), NONCE_BYTES * 2), nonce[NONCE_BYTES];

    if (!str_eq(s->protocol, STR("websocket")))
        return false;
    random_bytes(nonce, sizeof(nonce));
    s->r.method_text = STR("GET");
    s->r.extended_connect = true;
    add(s, "upgrade", s->protocol, FIELD_UPGRADE);
    add(s, "connection", STR("upgrade"), FIELD_CONNECTION);
    add(s, "sec-websocket-key",
        (struct str){key, base64_encode(key, (struct str){nonce, sizeof(nonce)})},
        FIELD_SEC_WEBSOCKET_KEY);
    return true;
}

/* Its reads: the request's DATA ---------------------------------------------------------------- */

static ssize_t receive(struct conn *conn, void *into, size_t room)
{
    struct h2_tunnel *t = CONTAINER(conn, struct h2_tunnel, conn);
    struct chain in;
    size_t n = 0;
    enum pull result;

    chain_init(&in);
    t->stream->body.waiter = &t->news;
    result = source_pull(&t->stream->body, &in, room);
    while (!chain_empty(&in)) {
        struct piece *p = chain_head(&in);

        memcpy((char *)into + n, p->data, p->len);
        n += p->len;
        chain_consume(&in, p->len);
    }
    chain_fini(&in);
    if (n > 0)
        return (ssize_t)n;
    if (result == PULL_WAIT)
        conn->ev.readable = false;
    return result == PULL_WAIT ? CONN_AGAIN : result == PULL_ERROR ? CONN_ERROR : CONN_EOF;
}

static void on_news(struct post *post)
{
    struct h2_tunnel *t = CONTAINER(post, struct h2_tunnel, news);

    t->conn.ev.readable = true;
    if (t->taker != NULL)
        post_now(t->taker);
}

/* Its writes: the response's ------------------------------------------------------------------- */

static void put(struct buf *b, const char *data, size_t len)
{
    if (b->start == NULL)
        buf_take(b, len);
    else if (buf_room(b) < len)
        buf_grow(b, MIN(MAX(2 * (size_t)(b->end - b->start), buf_used(b) + len), BOX_BYTES));
    memcpy(b->last, data, len);
    b->last += len;
}

static enum rc deliver(struct conn *conn, struct chain *out, size_t max)
{
    struct h2_tunnel *t = CONTAINER(conn, struct h2_tunnel, conn);

    if (t->stream->closed)
        return RC_ERROR;
    while (max > 0 && !chain_empty(out) && buf_used(&t->box) < BOX_BYTES) {
        struct piece *p = chain_head(out);
        size_t n = MIN(MIN(p->len, max), BOX_BYTES - buf_used(&t->box));

        put(&t->box, p->data, n);
        chain_consume(out, n);
        max -= n;
    }
    source_wake(&t->source);
    if (max == 0 || chain_empty(out))
        return RC_OK;
    conn->ev.writable = false;
    return RC_AGAIN;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct h2_tunnel *t = CONTAINER(source, struct h2_tunnel, source);
    size_t n;

    if (buf_used(&t->sending) == 0 && buf_used(&t->box) > 0) {
        buf_give(&t->sending);
        t->sending = t->box;
        t->box = (struct buf){NULL, NULL, NULL, NULL};
        if (!t->conn.ev.writable && t->taker != NULL)
            post_now(t->taker);
        t->conn.ev.writable = true;
    }
    n = MIN(buf_used(&t->sending), max);
    if (n == 0) {
        buf_give(&t->sending);
        return t->shut ? PULL_END : PULL_WAIT;
    }
    chain_add(out, t->sending.pos, n);
    t->sending.pos += n;
    return PULL_MORE;
}

static void close_source(struct source *source)
{
}

static void shut(struct conn *conn)
{
    struct h2_tunnel *t = CONTAINER(conn, struct h2_tunnel, conn);

    t->shut = true;
    source_wake(&t->source);
}

static const struct conn_io stream_io = {.recv = receive, .send = deliver, .shutdown = shut};
static const struct source_ops source_ops = {.name = "h2 tunnel", .pull = pull,
                                             .close = close_source};

/* Beginning and end ---------------------------------------------------------------------------- */

static void forget(void *arg)
{
    struct h2_tunnel *t = arg;

    post_cancel(&t->news);
    buf_give(&t->sending);
    buf_give(&t->box);
}

void h2_tunnel_open(struct h2_stream *s)
{
    struct h2_tunnel *t = pool_zalloc(request_pool(&s->r), sizeof(*t));
    struct http_field *accept;

    t->stream = s;
    t->conn.io = &stream_io;
    t->conn.ev.fd = -1;
    t->conn.ev.writable = t->conn.ev.readable = true;
    t->conn.nodelay_set = true;
    t->conn.listen = s->owner->conn.listen;
    t->conn.log = s->r.log;
    t->news.run = on_news;
    t->source = (struct source){.ops = &source_ops, .length = -1};
    pool_on_destroy(request_pool(&s->r), forget, t);
    s->tunnel = t;
    s->r.out.status = 200; /* RFC 8441, 5 */
    s->r.out.body = &t->source;
    s->r.out.length = -1;
    accept = fields_find_name(s->r.out.fields, STR("sec-websocket-accept"));
    if (accept != NULL)
        accept->flags |= FIELD_DELETED; /* the key was ours */
    h2_stream_widen(s);
    t->taker = s->take(&s->r, &t->conn, STR_NONE);
}

void h2_tunnel_cut(struct h2_stream *s)
{
    struct h2_tunnel *t = s->tunnel;

    s->body_bad = !s->body_done;
    t->conn.ev.readable = true;
    if (t->taker != NULL)
        t->taker->run(t->taker);
}

void h2_tunnel_release(struct h2_stream *s)
{
    struct h2_tunnel *t = s->tunnel;

    t->taker = NULL;
    t->shut = true;
    s->body.waiter = NULL;
    post_cancel(&t->news);
    source_wake(&t->source);
}

bool h2_tunnel_is_open(const struct h2_stream *s)
{
    return s->tunnel != NULL && s->tunnel->taker != NULL;
}
