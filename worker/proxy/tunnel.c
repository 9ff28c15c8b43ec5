/*
 * worker/proxy/tunnel.c - after 101: bytes both ways between a client's connection and an origin's.
 *
 * What is read goes out at once from one buffer of the process; only what a slow reader leaves
 * behind gets memory of its own. So an idle tunnel holds no buffer. It ends when either side has
 * ended and its last bytes are delivered, or when the origin is silent for proxy_read_timeout.
 */
#include "worker/proxy/tunnel.h"

#include <errno.h>

#include "worker/http/wire.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/upstream_vars.h"

#define SHARED_BYTES 65536
#define ROUNDS       8     /* reads in one direction before others have a turn */

struct way {
    struct conn *from, *to;
    struct buf rest;            /* read and not yet written */
    bool ended;                 /* from says no more */
    uint64_t bytes;
};

struct tunnel {
    struct request *r;
    struct proxy_run *run;
    struct exchange *x;
    struct way up, down;        /* client to origin, origin to client */
    struct post post;
    bool over;
};

static char shared[SHARED_BYTES];

enum pumped { PUMP_WAIT, PUMP_MORE, PUMP_ENDED, PUMP_FAILED };

static void keep_rest(struct way *w, const char *data, size_t len)
{
    buf_take(&w->rest, len);
    memcpy(w->rest.last, data, len);
    w->rest.last += len;
}

/* Writes; what does not go is kept. */
static enum rc pass_on(struct way *w, const char *data, size_t len)
{
    struct chain out;
    enum rc rc;

    chain_init(&out);
    chain_add(&out, data, len);
    rc = conn_send(w->to, &out, len);
    if (rc == RC_AGAIN && out.bytes > 0)
        keep_rest(w, data + (len - out.bytes), out.bytes);
    chain_fini(&out);
    return rc;
}

static enum rc flush_rest(struct way *w)
{
    struct buf rest = w->rest;
    enum rc rc;

    if (rest.start == NULL)
        return RC_OK;
    if (!w->to->ev.writable)
        return RC_AGAIN;
    w->rest = (struct buf){NULL, NULL, NULL, NULL};
    rc = pass_on(w, rest.pos, buf_used(&rest));
    buf_give(&rest);
    return w->rest.start != NULL ? RC_AGAIN : rc;
}

static enum pumped pump_once(struct way *w)
{
    ssize_t n;

    switch (flush_rest(w)) {
    case RC_OK:
        break;
    case RC_AGAIN:
        return PUMP_WAIT;
    case RC_ERROR:
        return PUMP_FAILED;
    }
    if (w->ended)
        return PUMP_ENDED;
    if (!w->from->ev.readable)
        return PUMP_WAIT;
    n = conn_recv(w->from, shared, sizeof(shared));
    if (n == CONN_AGAIN)
        return PUMP_WAIT;
    if (n == CONN_ERROR)
        return PUMP_FAILED;
    if (n == CONN_EOF) {
        w->ended = true;
        return PUMP_ENDED;
    }
    w->bytes += (uint64_t)n;
    return pass_on(w, shared, (size_t)n) == RC_ERROR ? PUMP_FAILED : PUMP_MORE;
}

static enum pumped pump(struct way *w)
{
    enum pumped result = PUMP_MORE;

    for (int i = 0; result == PUMP_MORE && i < ROUNDS; i++)
        result = pump_once(w);
    return result;
}

static void finish(struct tunnel *t)
{
    t->over = true;
    t->r->body_sent += t->down.bytes;
    t->run->dial.try->bytes_received += (int64_t)t->down.bytes;
    t->run->dial.try->body_bytes = (int64_t)t->down.bytes;
    t->run->x = NULL;
    t->x = NULL;
    dial_end(&t->run->dial, PEER_GOOD, false);
    t->r->wire->release(t->r);
}

static void run(struct post *post)
{
    struct tunnel *t = CONTAINER(post, struct tunnel, post);
    enum pumped up, down;

    if (t->over)
        return;
    if (t->x->timed_out) {
        log_error(&t->r->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
        finish(t);
        return;
    }
    down = pump(&t->down);
    up = pump(&t->up);
    if (up >= PUMP_ENDED || down >= PUMP_ENDED) {
        finish(t);
        return;
    }
    if (up == PUMP_MORE || down == PUMP_MORE)
        post_turn_end(&t->post);
    timer_set(&t->x->conn.timer, t->run->conf->read_timeout_ms);
}

static void end(void *arg)
{
    struct tunnel *t = arg;

    post_cancel(&t->post);
    buf_give(&t->up.rest);
    buf_give(&t->down.rest);
}

struct post *tunnel_take(struct request *r, struct conn *client, struct str early)
{
    struct tunnel *t = pool_zalloc(request_pool(r), sizeof(*t));
    struct proxy_run *p = r->upstreams->run;

    t->r = r;
    t->run = p;
    t->x = p->x;
    t->up = (struct way){.from = client, .to = &p->x->conn};
    t->down = (struct way){.from = &p->x->conn, .to = client};
    t->post.run = run;
    pool_on_destroy(request_pool(r), end, t);
    exchange_use(t->x, &t->post, &r->log);
    proxy_run_doing(p, "proxying upgraded connection");
    conn_nodelay(client);
    if (early.len > 0)
        keep_rest(&t->up, early.data, early.len);
    if (buf_used(&p->relay.in) > 0)
        keep_rest(&t->down, p->relay.in.pos, buf_used(&p->relay.in));
    client->ev.readable = true; /* it may have spoken while the head was awaited */
    post_now(&t->post);
    return &t->post;
}
