/*
 * worker/proxy/tunnel.c - bytes both ways between a client's connection and an origin's.
 *
 * What is read goes out at once from one buffer of the process; only what a slow reader leaves
 * behind gets memory of its own. So an idle tunnel holds no buffer, and nothing of its request but
 * what the line in the log will ask for: a proxy_run ends where the tunnel begins.
 *
 * It ends when either side has ended and its last bytes are delivered (RFC 9110, 9.3.6), when
 * nothing has moved for proxy_read_timeout, or when a reader has taken nothing for the time that
 * its side allows.
 */
#include "worker/proxy/tunnel.h"

#include <errno.h>

#include "worker/http/http_core.h"
#include "worker/http/wire.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/upstream_vars.h"

#define SHARED_BYTES 65536
#define ROUNDS       8     /* reads in one direction before others have a turn */

struct way {
    struct conn *from, *to;
    struct buf rest;            /* read and not yet written */
    bool ended;                 /* from says no more */
    bool broken;                /* it did not say so: its connection failed */
    bool deaf;                  /* to takes no more */
    uint64_t bytes;             /* read */
};

struct tunnel {
    struct request *r;
    const struct origin_conf *conf;
    const struct proxy_pass *target;
    struct str uri;
    struct dial dial;           /* its exchange is the origin's side */
    struct way up, down;        /* client to origin, origin to client */
    struct buf head;            /* of the answer: the log may ask for its fields */
    size_t piece;               /* read at once */
    uint64_t client_sent;       /* by the client's connection before */
    struct post post;
    bool over;
};

static char shared[SHARED_BYTES];

/* One direction -------------------------------------------------------------------------------- */

enum pumped { PUMP_WAIT, PUMP_MORE, PUMP_ENDED };

static void keep_rest(struct way *w, const char *data, size_t len)
{
    buf_take(&w->rest, len);
    memcpy(w->rest.last, data, len);
    w->rest.last += len;
}

/* Writes; what does not go is kept. */
static enum pumped pass_on(struct way *w, const char *data, size_t len)
{
    struct chain out;
    enum rc rc;

    chain_init(&out);
    chain_add(&out, data, len);
    rc = conn_send(w->to, &out, len);
    if (rc == RC_AGAIN && out.bytes > 0)
        keep_rest(w, data + (len - out.bytes), out.bytes);
    chain_fini(&out);
    w->deaf = rc == RC_ERROR;
    return w->deaf ? PUMP_ENDED : w->rest.start != NULL ? PUMP_WAIT : PUMP_MORE;
}

static enum pumped flush_rest(struct way *w)
{
    struct buf rest = w->rest;
    enum pumped result;

    if (rest.start == NULL)
        return PUMP_MORE;
    if (!w->to->ev.writable)
        return PUMP_WAIT;
    w->rest = (struct buf){NULL, NULL, NULL, NULL};
    result = pass_on(w, rest.pos, buf_used(&rest));
    buf_give(&rest);
    return result;
}

static enum pumped pump_once(struct way *w, size_t piece)
{
    enum pumped flushed = flush_rest(w);
    ssize_t n;

    if (flushed != PUMP_MORE)
        return flushed;
    if (w->ended)
        return PUMP_ENDED;
    if (!w->from->ev.readable)
        return PUMP_WAIT;
    n = conn_recv(w->from, shared, piece);
    if (n == CONN_AGAIN)
        return PUMP_WAIT;
    if (n == CONN_EOF || n == CONN_ERROR) {
        w->ended = true;
        w->broken = n == CONN_ERROR;
        return PUMP_ENDED;
    }
    w->bytes += (uint64_t)n;
    return pass_on(w, shared, (size_t)n);
}

static enum pumped pump(struct way *w, size_t piece)
{
    enum pumped result = PUMP_MORE;

    for (int i = 0; result == PUMP_MORE && i < ROUNDS; i++)
        result = pump_once(w, piece);
    return result;
}

/* Both ----------------------------------------------------------------------------------------- */

/* NULL: it ended as tunnels do. */
static const char *why_ended(const struct tunnel *t)
{
    if (conn_all_cut)
        return "tunnel.shutdown";
    if (t->down.broken || t->up.deaf)
        return "tunnel.upstream";
    if (t->up.broken || t->down.deaf)
        return "tunnel.client";
    return NULL;
}

static void finish(struct tunnel *t, const char *why)
{
    struct dial_try *try = t->dial.try;

    t->over = true;
    t->r->fail_reason = why;
    t->r->body_sent += t->down.to->sent - t->client_sent;
    try->bytes_received += (int64_t)t->down.bytes;
    try->body_bytes = (int64_t)t->down.bytes;
    dial_end(&t->dial, PEER_GOOD, false);
    t->r->wire->release(t->r);
}

/* What bounds the wait: a reader that takes nothing, or silence. */
static void arm(struct tunnel *t)
{
    int64_t limit_ms = t->conf->read_timeout_ms;

    if (t->down.rest.start != NULL)
        limit_ms = MIN(limit_ms, HTTP_CORE(t->r)->send_timeout_ms);
    if (t->up.rest.start != NULL)
        limit_ms = MIN(limit_ms, t->conf->send_timeout_ms);
    timer_set(&t->dial.exchange->conn.timer, limit_ms);
}

static void timed_out(struct tunnel *t)
{
    bool client = t->down.rest.start != NULL;

    if (client)
        log_error(&t->r->log, LOG_INFO, ETIMEDOUT, "client timed out");
    else
        log_error(&t->r->log, LOG_ERROR, ETIMEDOUT, "upstream timed out");
    finish(t, client ? "tunnel.client" : "tunnel.timeout");
}

/* An origin that takes no more may have said why. */
static bool is_over(struct tunnel *t, enum pumped down, enum pumped up)
{
    if (up == PUMP_ENDED && t->up.deaf && down != PUMP_ENDED) {
        t->down.from->ev.readable = true;
        return pump(&t->down, t->piece) != PUMP_MORE;
    }
    return up == PUMP_ENDED || down == PUMP_ENDED;
}

static void run(struct post *post)
{
    struct tunnel *t = CONTAINER(post, struct tunnel, post);
    enum pumped up, down;

    if (t->over)
        return;
    if (t->dial.exchange->timed_out) {
        timed_out(t);
        return;
    }
    down = pump(&t->down, t->piece);
    up = t->up.deaf ? PUMP_ENDED : pump(&t->up, t->piece);
    if (is_over(t, down, up)) {
        finish(t, why_ended(t));
        return;
    }
    if (up != PUMP_WAIT || down == PUMP_MORE)
        post_turn_end(&t->post);
    arm(t);
}

/* The beginning -------------------------------------------------------------------------------- */

static void end(void *arg)
{
    struct tunnel *t = arg;

    post_cancel(&t->post);
    buf_give(&t->up.rest);
    buf_give(&t->down.rest);
    buf_give(&t->head);
    if (t->dial.state != DIAL_IDLE)
        dial_cancel(&t->dial);
    conn_collect(t, sizeof(*t));
}

static size_t describe(const struct request *r, char *out, size_t room)
{
    const struct tunnel *t = r->upstreams->tunnel;

    return proxy_log_describe(t->target, &t->dial, t->uri, out, room);
}

/* Behind the head's text, or in the pool. */
static void *room_for(struct tunnel *t, size_t bytes)
{
    char *at = t->head.last + (-(uintptr_t)t->head.last & 15);

    if (at > t->head.end || bytes > (size_t)(t->head.end - at))
        return pool_alloc(request_pool(t->r), bytes);
    t->head.last = at + bytes;
    return at;
}

/* All that is needed of the run is taken out of it. */
static void take_over(struct tunnel *t, struct proxy_run *run)
{
    struct upstream_summary *summary = t->r->upstreams;

    t->conf = run->conf;
    t->target = run->target;
    t->uri = run->uri;
    t->piece = sizeof(shared);
    if (run->codec->raw)
        t->piece = (size_t)MIN(run->conf->buffer_bytes, (int64_t)sizeof(shared));
    if (buf_used(&run->relay.in) > 0)
        keep_rest(&t->down, run->relay.in.pos, buf_used(&run->relay.in));
    t->down.bytes = buf_used(&run->relay.in);
    run->dial.try->bytes_received -= (int64_t)t->down.bytes;
    t->head = run->relay.in;
    run->relay.in = (struct buf){NULL, NULL, NULL, NULL};
    if (summary->fields != NULL)
        summary->fields = fields_pack(summary->fields,
                                      room_for(t, fields_packed_bytes(summary->fields)));
    dial_move(&t->dial, &run->dial);
    summary->tunnel = t;
    t->r->describe_upstream = describe;
    proxy_run_release(run);
}

/* The wire's `take`: the head is out. */
static struct post *take(struct request *r, struct conn *client, struct str early)
{
    struct tunnel *t = conn_alloc(sizeof(*t)); /* as large as it is: a pool would take a block */
    struct conn *origin = &r->upstreams->run->dial.exchange->conn;

    t->r = r;
    t->up = (struct way){.from = client, .to = origin};
    t->down = (struct way){.from = origin, .to = client};
    t->client_sent = client->sent;
    t->post.run = run;
    if (early.len > 0)
        keep_rest(&t->up, early.data, early.len);
    t->up.bytes = early.len;
    pool_on_destroy(request_pool(r), end, t);
    take_over(t, r->upstreams->run);
    r->log.doing = "proxying upgraded connection";
    exchange_use(t->dial.exchange, &t->post, &r->log);
    conn_nodelay(client);
    client->ev.readable = true; /* it may have spoken while the head was awaited */
    post_now(&t->post);
    return &t->post;
}

enum verdict tunnel_answer(struct proxy_run *run)
{
    struct request *r = run->r;

    if (run->codec->raw) {
        dial_suffices(&run->dial);
        r->out.status = 200;
        r->out.reason = STR("Connection established");
        r->out.no_default_type = true;
    } else {
        proxy_response_fill(run);
    }
    r->out.upgraded = true;
    r->wire->upgrade(r, take);
    return ANSWERED;
}
