/*
 * worker/h1/h1_conn.c - a client's HTTP/1 connection as a machine: wait, head, run, send, again.
 *
 * Events and the engine only post the machine. A small request that arrives whole is read, parsed,
 * run and answered within one loop turn: one recv, one send.
 */
#include "worker/h1/h1_conn.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/fmt.h"
#include "common/generation.h"
#include "common/role.h"
#include "worker/http/body.h"
#include "worker/http/error_page.h"
#include "worker/http/http_core.h"
#include "worker/http/intake.h"
#include "worker/http/output.h"
#include "worker/http/phase.h"
#include "worker/http/wire.h"
#include "worker/net/accept.h"
#include "worker/net/tls.h"

#define PULL_BYTES       (1 << 30) /* of body at once: memory is bounded by its source */
#define TURN_REQUESTS    64        /* most that it begins (pipelining) */
#define TURN_READS       32        /* most that it reads and drops */
#define DRAIN_IDLE_MS    2000      /* an idle connection's last wait while a successor serves */
#define FRESH_MS         5000      /* a new one is not given up so soon: its request is coming */

/* Streams: recycled, for their heads are large ------------------------------------------------- */

static struct h1_stream *spare[16];
static struct h1_heads *spare_heads[16]; /* which tunnels have left */
static uint32_t spare_count, spare_heads_count;

static struct h1_heads *heads_take(void)
{
    return spare_heads_count > 0 ? spare_heads[--spare_heads_count]
                                 : conn_alloc(sizeof(struct h1_heads));
}

void h1_heads_give(struct h1_heads *heads)
{
    if (heads != NULL && spare_heads_count < COUNT(spare_heads))
        spare_heads[spare_heads_count++] = heads;
    else if (heads != NULL)
        conn_collect(heads, sizeof(*heads));
}

static struct h1_stream *stream_take(struct h1_conn *c)
{
    struct h1_stream *s;

    if (spare_count > 0) {
        s = spare[--spare_count];
    } else {
        s = conn_alloc(sizeof(*s));
        chain_init(&s->out);
    }
    if (unlikely(s->heads == NULL))
        s->heads = heads_take();
    s->owner = c;
    s->begun = s->body_ended = s->chunk_out = false;
    s->fresh_head = s->head_left = 0;
    s->left_out = -1;
    s->take = NULL;
    s->tunnel = NULL;
    s->tunnel_over = false;
    s->body_used = s->body_done = s->body_bad = false;
    return s;
}

static void stream_give(struct h1_stream *s)
{
    chain_clear(&s->out);
    buf_give(&s->body_buf);
    if (spare_count < COUNT(spare)) {
        spare[spare_count++] = s;
        return;
    }
    buf_give(&s->head);
    chain_fini(&s->out);
    h1_heads_give(s->heads);
    conn_collect(s, sizeof(*s));
}

/* Beginning a request -------------------------------------------------------------------------- */

static void begin_stream(struct h1_conn *c)
{
    struct h1_limits limits;
    struct h1_stream *s = stream_take(c);

    c->stream = s;
    intake_limits(c->conf, &limits);
    request_init(&s->r, &c->conn, &h1_wire, c, &s->heads->in.fields, &s->heads->out_fields);
    h1_head_init(&s->heads->in, H1_REQUEST, &limits, request_pool(&s->r));
    fields_init(&s->heads->out_fields, request_pool(&s->r));
    s->r.server = c->server;
    s->r.listen = c->conn.listen;
    s->r.tls = c->conn.tls != NULL;
    s->r.scope.conf = c->server->scope->conf;
    s->r.location = &c->server->base;
    log_attach(&s->r.log, ((struct core_conf *)s->r.scope.conf[core_module_index])->error_log);
    s->r.log.doing = "reading client request line";
    c->responding = false;
    conn_stats.reading++;
}

/* The request ends here, before the engine: what is wrong, answered from the default server. */
static enum h1_state refuse(struct h1_conn *c, int status, const char *why, const char *reason)
{
    struct request *r = &c->stream->r;

    log_error(&r->log, LOG_INFO, 0, "client sent %s", why);
    request_fail(r, status, reason);
    r->keep_alive = false;
    c->unread = true;
    phase_answer(r);
    return H1_SEND;
}

static void set_line(struct request *r, const struct h1_head *in)
{
    r->method = in->method;
    r->version = in->version;
    r->method_text = in->method_text;
    r->line = in->line;
    r->target = in->path;
    r->header_only = in->method == METHOD_HEAD;
}

/* Its head is here: from now on it is counted as being served. */
static void count_as_writing(struct h1_conn *c)
{
    conn_stats.reading -= !c->sending;
    conn_stats.writing += !c->sending;
    c->sending = true;
}

static void choose_server(struct h1_conn *c)
{
    struct request *r = &c->stream->r;
    const struct h1_head *in = &c->stream->heads->in;

    r->host_port = in->port;
    intake_server(r, c->address, in->host, in->host_has_upper);
    c->conf = HTTP_CORE(r);
}

/* Its head ends at `end`, as far as it has come. */
static void count_request(struct h1_conn *c, uint32_t end)
{
    struct request *r = &c->stream->r;

    conn_stats.requests++;
    r->conn_requests = ++c->requests;
    r->conn_opened_ms = c->opened_ms;
    r->head_bytes = end - c->stream->heads->in.line_at;
}

/* An answer before the engine has seen the request; the connection ends with it. */
static enum h1_state turn_away(struct h1_conn *c, int status, const char *why)
{
    struct request *r = &c->stream->r;

    request_fail(r, status, why);
    r->keep_alive = false;
    phase_answer(r);
    return H1_SEND;
}

static enum h1_state head_done(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct request *r = &s->r;
    bool is_connect = s->heads->in.form == H1_AUTHORITY;
    enum uri_fault fault;

    c->in.pos += s->heads->in.bytes;
    count_request(c, s->heads->in.bytes);
    set_line(r, &s->heads->in);
    choose_server(c);
    if (s->heads->in.ignored > 0)
        log_error(&r->log, LOG_INFO, 0, "client sent invalid header line: \"%" STR_FMT "\"",
                  STR_ARG(s->heads->in.ignored_name));
    if (s->heads->in.method == METHOD_TRACE || (is_connect && r->server->connect == NULL))
        return turn_away(c, 405, "request.method");
    if (is_connect && (s->heads->in.content_length > 0 || s->heads->in.chunked))
        return refuse(c, 400, "CONNECT with a body", "request.framing");
    if (unlikely(pool_low())) { /* what runs may finish from the reserve; nothing new begins */
        log_error(&r->log, LOG_CRIT, ENOMEM, "a request is refused");
        return turn_away(c, 503, "memory.low");
    }
    if (s->heads->in.form == H1_ASTERISK)
        return refuse(c, 400, "a request for \"*\"", "request.uri");
    fault = is_connect ? h1_connect_target(c) : intake_target(r, s->heads->in.path);
    if (fault != URI_OK)
        return refuse(c, 400, uri_fault_text(fault), "request.uri");
    r->content_length = s->heads->in.content_length;
    r->chunked = s->heads->in.chunked;
    r->expect_continue = s->heads->in.expect_continue;
    r->keep_alive = s->heads->in.keep_alive && !c->draining && !is_connect;
    r->log.doing = NULL;
    if (s->heads->in.content_length > 0 || s->heads->in.chunked) {
        h1_body_init(c);
        body_init(r);
    } else {
        s->body_done = true;
    }
    count_as_writing(c);
    request_start(r);
    return H1_RUN;
}

/* The steps ------------------------------------------------------------------------------------ */

/* A client that pipelines without end lets others have their turn. */
static bool had_its_turn(struct h1_conn *c)
{
    if (c->turn != loop->turn) {
        c->turn = loop->turn;
        c->turn_requests = 0;
    }
    if (c->turn_requests == TURN_REQUESTS) {
        post_turn_end(&c->conn.post);
        return true;
    }
    c->turn_requests++;
    return false;
}

/* Bytes of the next request may be here already (pipelining). */
static enum h1_state step_wait(struct h1_conn *c)
{
    ssize_t n;

    if ((buf_used(&c->in) > 0 || c->conn.ev.readable) && had_its_turn(c))
        return H1_WAIT;
    if (buf_used(&c->in) > 0) {
        if (buf_room(&c->in) == 0)
            buf_compact(&c->in);
        begin_stream(c);
        return H1_HEAD;
    }
    if (!c->conn.ev.readable)
        return c->leaving ? H1_CLOSED : H1_WAIT;
    if (c->in.start == NULL)
        buf_take(&c->in, MAX((size_t)c->conf->client_header_buffer_bytes,
                             c->posts ? H1_READ_AHEAD : 0)); /* another may come with its head */
    c->in.pos = c->in.last = c->in.start;
    n = conn_recv(&c->conn, c->in.start, buf_room(&c->in));
    if (n > 0) {
        c->in.last += n;
        begin_stream(c);
        return H1_HEAD;
    }
    buf_give(&c->in);
    return n == CONN_AGAIN && !c->leaving ? H1_WAIT : H1_CLOSED;
}

/* For the log: what came of a request line that is faulty or was cut off. */
static void show_line(struct h1_conn *c)
{
    struct str seen = buf_str(&c->in);
    size_t len = 0;

    while (len < seen.len && seen.data[len] != '\r' && seen.data[len] != '\n')
        len++;
    if (c->stream->heads->in.has_line)
        c->stream->r.line = c->stream->heads->in.line;
    else if (seen.len > 0)
        c->stream->r.line = (struct str){seen.data, len};
}

static enum h1_state head_bad(struct h1_conn *c)
{
    struct h1_head *in = &c->stream->heads->in;

    count_request(c, in->has_line ? in->fault_at : in->line_at);
    if (in->has_line) {
        set_line(&c->stream->r, in);
        c->stream->r.header_only = false;
        c->stream->r.log.doing = "reading client request headers";
        if (in->host.data != NULL)
            choose_server(c);
        if (in->form == H1_ORIGIN || in->form == H1_ABSOLUTE)
            intake_target(&c->stream->r, in->path);
    } else {
        show_line(c);
        c->stream->r.version = 10;
    }
    c->stream->body_done = true;
    return refuse(c, h1_fault_status(in->fault), h1_fault_text(in->fault),
                  intake_reason(in->fault));
}

/* Room for more of a head: twice the buffer, up to all large_client_header_buffers together. */
static void grow_head(struct h1_conn *c)
{
    size_t size = (size_t)(c->in.end - c->in.start);
    size_t line = c->stream->heads->in.limits.line_bytes;

    if (c->in.pos > c->in.start && buf_used(&c->in) < size / 2) {
        buf_compact(&c->in);
    } else {
        buf_grow(&c->in, size < line ? line : size + line);
    }
    h1_head_rebase(&c->stream->heads->in, c->in.pos);
}

/* A client that knows beforehand that we speak HTTP/2 begins with its preface. */
static bool may_switch(const struct h1_conn *c)
{
    return c->requests == 0 && c->conn.tls == NULL && wire_h2 != NULL &&
           wire_h2->allowed(c->address, c->server);
}

static enum h1_state step_head(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    ssize_t n;

    for (;;) {
        switch (h1_head_feed(&s->heads->in, c->in.pos, buf_used(&c->in))) {
        case H1_DONE:
            return head_done(c);
        case H1_PREFACE:
            if (may_switch(c))
                return H1_SWITCH;
            return head_bad(c);
        case H1_BAD:
            return head_bad(c);
        case H1_MORE:
            break;
        }
        if (!c->conn.ev.readable)
            return H1_HEAD;
        if (buf_room(&c->in) == 0)
            grow_head(c);
        n = conn_recv(&c->conn, c->in.last, buf_room(&c->in));
        if (n == CONN_AGAIN)
            return H1_HEAD;
        if (n <= 0) {
            if (n == CONN_EOF)
                log_error(&s->r.log, LOG_INFO, 0, "client prematurely closed connection");
            s->r.out.status = 400;
            s->r.fail_reason = "request.incomplete";
            return H1_CLOSED;
        }
        c->in.last += n;
    }
}

/* The engine works. A client that hangs up ends what minds it (a proxied request). */
static enum h1_state step_run(struct h1_conn *c)
{
    struct request *r = &c->stream->r;

    if (c->responding)
        return H1_SEND;
    if (!chain_empty(&c->stream->out) && c->conn.ev.writable)
        conn_send(&c->conn, &c->stream->out, c->stream->out.bytes);
    if ((c->conn.ev.failed || (c->conn.ev.hangup && c->stream->body_done)) && request_hangup(r))
        return H1_CLOSED;
    return H1_RUN;
}

static void add_chunk(struct h1_stream *s, struct chain *data)
{
    char *end = h1_chunk_head(s->chunk_line, data->bytes);

    chain_add(&s->out, s->chunk_line, (size_t)(end - s->chunk_line));
    chain_move(&s->out, data);
    chain_add(&s->out, H1_CHUNK_END, 2);
}

/* Asks the source for more; it must give what the head promised and no more. */
static enum pull pull_body(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct chain more;
    enum pull result;

    chain_init(&more);
    s->r.out.body->waiter = &c->conn.post;
    result = source_pull(s->r.out.body, &more, PULL_BYTES);
    if (s->left_out >= 0) {
        if ((int64_t)more.bytes > s->left_out)
            result = PULL_ERROR;
        else
            s->left_out -= (int64_t)more.bytes;
    }
    if (more.bytes > 0 && result != PULL_ERROR) {
        if (s->chunk_out)
            add_chunk(s, &more);
        else
            chain_move(&s->out, &more);
    }
    if (result == PULL_END && s->chunk_out)
        h1_write_last(c);
    if (result == PULL_END && s->left_out > 0)
        result = PULL_ERROR;
    s->body_ended = result == PULL_END;
    chain_fini(&more);
    return result;
}

static void start_response(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct request *r = &s->r;

    c->responding = false;
    s->begun = true;
    c->conf = HTTP_CORE(r); /* what becomes of the connection, the last place decides */
    c->keep = r->keep_alive && !c->draining && !s->body_bad && request_may_keep(r);
    r->log.doing = "sending to client";
    if (r->version > 9) {
        h1_write_head(c);
    } else {
        c->keep = false;
        s->left_out = r->out.length;
    }
    s->fresh_head = s->head_left = s->out.bytes;
    if (!output_has_body(r) || r->out.body == NULL) {
        s->body_ended = true;
        s->left_out = 0;
        if (s->chunk_out && output_has_body(r))
            chain_add(&s->out, H1_CHUNK_LAST, sizeof(H1_CHUNK_LAST) - 1);
    }
    c->conn.share_packets = HTTP_CORE(r)->tcp_nopush;
    if (c->keep && HTTP_CORE(r)->tcp_nodelay)
        conn_nodelay(&c->conn);
    count_as_writing(c);
}

static void end_request(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    if (c->sending)
        conn_stats.writing--;
    else
        conn_stats.reading--;
    c->sending = false;
    if (s->r.scope.pool != NULL)
        request_done(&s->r);
    h1_body_end(c);
    stream_give(s);
    c->stream = NULL;
}

/* Bytes of a next request, or what was meant to be one: here, or behind what was read. */
static bool has_more(const struct h1_conn *c)
{
    return c->conn.ev.readable || buf_used(&c->in) > 0 || buf_used(&c->stream->body_buf) > 0 ||
           tls_is_early(&c->conn);
}

/* After the last byte of a response: what becomes of the connection? */
static enum h1_state response_sent(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    if (s->r.out.upgraded && s->take != NULL) {
        h1_body_end(c);
        return H1_TUNNEL;
    }
    if (!s->body_done && !s->body_bad) {
        c->linger_until_ms = clock_mono_ms + c->conf->lingering_time_ms;
        return c->keep ? H1_SKIP : H1_LINGER;
    }
    if (!c->keep)
        return c->unread || has_more(c) || c->conf->lingering == 2 ? H1_LINGER : H1_CLOSED;
    end_request(c);
    if (buf_used(&c->in) == 0)
        buf_give(&c->in);
    return H1_WAIT;
}

static void count_sent(struct h1_conn *c, size_t bytes)
{
    struct h1_stream *s = c->stream;
    size_t head = MIN(bytes, s->head_left);

    s->head_left -= head;
    s->r.head_sent += head;
    s->r.body_sent += bytes - head;
    c->stream->sent += bytes;
    c->progress |= bytes > 0;
}

/* Most that is sent before others have a turn. */
static size_t turn_bytes(const struct h1_conn *c)
{
    int64_t chunk = HTTP_CORE(&c->stream->r)->sendfile_max_chunk;

    return chunk > 0 ? (size_t)chunk : PULL_BYTES;
}

/* Writes what is there. RC_OK: all of it is out. */
static enum rc flush(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    size_t before = s->out.bytes;
    enum rc rc;

    if (before == 0)
        return RC_OK;
    rc = conn_send(&c->conn, &s->out, turn_bytes(c));
    count_sent(c, before - s->out.bytes);
    return rc;
}

static enum h1_state send_failed(struct h1_conn *c)
{
    c->stream->r.send_failed = true;
    return H1_CLOSED;
}

/* Nothing to send until the source says so: it has its own timer. */
static enum h1_state wait_for_source(struct h1_conn *c)
{
    c->starved = true;
    if (HTTP_CORE(&c->stream->r)->tcp_nodelay)
        conn_nodelay(&c->conn);
    return c->conn.ev.failed || (c->conn.ev.hangup && request_minds_hangup(&c->stream->r))
               ? send_failed(c)
               : H1_SEND;
}

static enum h1_state step_send(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    enum pull pulled = PULL_MORE;
    enum rc rc;

    if (s->r.close_silently)
        return H1_CLOSED;
    if (c->responding)
        start_response(c);
    c->stream->sent = 0;
    c->starved = false;
    for (;;) {
        if (!s->body_ended && s->out.bytes == s->fresh_head)
            pulled = pull_body(c);
        s->fresh_head = 0;
        rc = flush(c);
        if (rc == RC_ERROR || pulled == PULL_ERROR)
            return send_failed(c);
        if (rc == RC_AGAIN)
            return H1_SEND;
        if (s->out.bytes == 0 && s->body_ended)
            return response_sent(c);
        if (s->out.bytes == 0 && pulled == PULL_WAIT)
            return wait_for_source(c);
        if (c->stream->sent >= turn_bytes(c)) {
            post_turn_end(&c->conn.post);
            return H1_SEND;
        }
    }
}

static enum h1_state step_skip(struct h1_conn *c)
{
    switch (h1_body_skip(c)) {
    case RC_OK:
        end_request(c);
        if (buf_used(&c->in) == 0)
            buf_give(&c->in);
        return H1_WAIT;
    case RC_AGAIN:
        return clock_mono_ms < c->linger_until_ms ? H1_SKIP : H1_CLOSED;
    case RC_ERROR:
        break;
    }
    return c->conn.ev.failed ? H1_CLOSED : H1_LINGER;
}

/* Reads and drops, so that our last bytes are not lost to a RST (RFC 9112, 9.6). */
static enum h1_state step_linger(struct h1_conn *c)
{
    static char dropped[32 * 1024];
    ssize_t n = CONN_AGAIN;

    if (c->stream != NULL) {
        if (c->conf->lingering == 0)
            return H1_CLOSED;
        end_request(c);
        buf_give(&c->in);
        c->conn.io->shutdown(&c->conn);
        c->linger_until_ms = clock_mono_ms + c->conf->lingering_time_ms;
        c->conn.ev.readable = true;
    }
    if (c->conn.ev.writable && tls_owes(&c->conn))
        c->conn.ev.readable = true;
    for (int i = 0; i < TURN_READS && c->conn.ev.readable; i++) {
        n = conn_recv(&c->conn, dropped, sizeof(dropped));
        if (n == CONN_EOF || n == CONN_ERROR)
            return H1_CLOSED;
    }
    if (c->conn.ev.readable)
        post_turn_end(&c->conn.post);
    return clock_mono_ms < c->linger_until_ms ? H1_LINGER : H1_CLOSED;
}

/* A response that went out whole is no less complete because the connection ends with it. */
static void give_stream_up(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    if (s == NULL)
        return;
    if (s->r.line.data == NULL)
        show_line(c);
    if (!s->begun || !s->body_ended || !chain_empty(&s->out))
        request_abort(&s->r);
    end_request(c);
}

/* What began as a request was another protocol's preface. */
static void forget_stream(struct h1_conn *c)
{
    if (c->stream == NULL)
        return;
    conn_stats.reading--;
    pool_destroy(request_pool(&c->stream->r));
    stream_give(c->stream);
    c->stream = NULL;
}

static enum h1_state step_switch(struct h1_conn *c)
{
    forget_stream(c);
    wire_h2->take(&c->conn, c->address, c->server, &c->in);
    conn_collect(c, sizeof(*c));
    return H1_SWITCH;
}

static enum h1_state step_closed(struct h1_conn *c)
{
    bool reset = (c->timed_out && c->conf->reset_timedout) || h1_is_cut(c);

    give_stream_up(c);
    buf_give(&c->in);
    if (reset)
        conn_reset(&c->conn);
    else
        conn_close(&c->conn);
    conn_collect(c, sizeof(*c));
    accept_resume();
    return H1_CLOSED;
}

/* The machine ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum h1_state (*step)(struct h1_conn *c);
    uint32_t may_lead_to;
} steps[H1_STATES] = {
    [H1_PROXY] = {"proxy", h1_step_proxy, BIT(H1_SECURE) | BIT(H1_WAIT) | BIT(H1_CLOSED)},
    [H1_SECURE] = {"secure", h1_step_secure, BIT(H1_WAIT) | BIT(H1_SWITCH) | BIT(H1_CLOSED)},
    [H1_WAIT] = {"wait", step_wait, BIT(H1_HEAD) | BIT(H1_CLOSED)},
    [H1_HEAD] = {"head", step_head,
                 BIT(H1_RUN) | BIT(H1_SEND) | BIT(H1_SWITCH) | BIT(H1_CLOSED)},
    [H1_SWITCH] = {"switch", step_switch, 0},
    [H1_RUN] = {"run", step_run, BIT(H1_SEND) | BIT(H1_CLOSED)},
    [H1_SEND] = {"send", step_send,
                 BIT(H1_WAIT) | BIT(H1_SKIP) | BIT(H1_LINGER) | BIT(H1_TUNNEL) | BIT(H1_CLOSED)},
    [H1_SKIP] = {"skip", step_skip, BIT(H1_WAIT) | BIT(H1_LINGER) | BIT(H1_CLOSED)},
    [H1_LINGER] = {"linger", step_linger, BIT(H1_CLOSED)},
    [H1_TUNNEL] = {"tunnel", h1_step_tunnel, BIT(H1_LINGER) | BIT(H1_CLOSED)},
    [H1_CLOSED] = {"closed", step_closed, 0},
};

/* keepalive_min_timeout is about connections that were kept; who has just come is about to ask. */
static int64_t drain_ms(const struct h1_conn *c)
{
    int64_t ms = c->conf->keepalive_min_set ? c->conf->keepalive_min_timeout_ms : DRAIN_IDLE_MS;

    return c->requests > 0 ? ms : MAX(ms, DRAIN_IDLE_MS);
}

static int64_t idle_ms(const struct h1_conn *c)
{
    if (c->draining)
        return drain_ms(c);
    return c->requests == 0 ? c->conf->client_header_timeout_ms : c->conf->keepalive_timeout_ms;
}

/* Every wait is bounded: what is armed while the machine rests in a state. */
static void arm(struct h1_conn *c)
{
    switch (c->state) {
    case H1_WAIT:
        timer_set(&c->conn.timer, idle_ms(c));
        break;
    case H1_PROXY:
    case H1_SECURE:
    case H1_HEAD:
        if (!timer_is_set(&c->conn.timer) || c->entered)
            timer_set(&c->conn.timer, c->conf->client_header_timeout_ms);
        break;
    case H1_SEND:
        if (c->starved)
            timer_cancel(&c->conn.timer);
        else if (c->progress || c->entered || !timer_is_set(&c->conn.timer))
            timer_set(&c->conn.timer, HTTP_CORE(&c->stream->r)->send_timeout_ms);
        break;
    case H1_SKIP:
    case H1_LINGER:
        timer_set(&c->conn.timer, c->conf->lingering_timeout_ms);
        break;
    default:
        timer_cancel(&c->conn.timer);
        break;
    }
}

static void h1_run(struct post *post)
{
    struct h1_conn *c = CONTAINER(post, struct h1_conn, conn.post);
    enum h1_state next;

    must(!c->running);
    c->running = true;
    c->entered = c->progress = false;
    while ((next = steps[c->state].step(c)) != c->state) {
        assert(steps[c->state].may_lead_to & BIT(next));
        log_debug(&c->conn.log, "h1: %s -> %s", steps[c->state].name, steps[next].name);
        c->state = (uint8_t)next;
        c->entered = true;
    }
    if (c->state == H1_CLOSED || c->state == H1_SWITCH)
        return; /* it is only memory now */
    arm(c);
    c->running = false;
}

static void on_timer(struct timer *timer)
{
    struct h1_conn *c = CONTAINER(timer, struct h1_conn, conn.timer);

    c->timed_out = c->state == H1_HEAD || c->state == H1_SEND;
    if (c->timed_out)
        log_error(&c->stream->r.log, LOG_INFO, ETIMEDOUT, "client timed out");
    if (c->state == H1_SECURE)
        log_error(&c->conn.log, LOG_INFO, ETIMEDOUT, "client timed out");
    if (c->state == H1_HEAD) {
        c->stream->r.out.status = 408;
        c->stream->r.fail_reason = "request.timeout";
    }
    if (c->state == H1_SEND)
        c->stream->r.send_failed = true;
    c->state = H1_CLOSED;
    post_now(&c->conn.post);
}

static void on_event(struct event *ev)
{
    struct h1_conn *c = CONTAINER(ev, struct h1_conn, conn.ev);

    if (c->stream != NULL && c->stream->body_used && !c->stream->body_done && ev->readable)
        source_wake(&c->stream->body);
    post_now(&c->conn.post);
}

/* Who need not wait goes after a last look: a request that has come is answered. */
static void on_drain(struct conn *conn, bool successor)
{
    struct h1_conn *c = CONTAINER(conn, struct h1_conn, conn);

    c->draining = true;
    if (c->state != H1_WAIT)
        return;
    c->leaving = (!successor && !c->conf->keepalive_min_set) || drain_ms(c) == 0;
    c->conn.ev.readable |= c->leaving;
    post_now(&c->conn.post);
}

static bool on_squeeze(struct conn *conn)
{
    struct h1_conn *c = CONTAINER(conn, struct h1_conn, conn);
    bool fresh = c->requests == 0 && clock_mono_ms - c->opened_ms < FRESH_MS;

    if (c->state != H1_WAIT || fresh || c->conn.ev.readable || buf_used(&c->in) > 0)
        return false;
    c->state = H1_CLOSED;
    post_now(&c->conn.post);
    return true;
}

static const struct conn_owner h1_owner = {.name = "h1", .on_drain = on_drain,
                                           .on_squeeze = on_squeeze};

void h1_conn_open(int fd, const struct addr *peer, const struct listen_spec *listen)
{
    struct h1_conn *c = conn_alloc(sizeof(*c));

    c->conn.listen = listen;
    conn_set_peer(&c->conn, peer);
    if (conn_open(&c->conn, fd, &conn_plain, &h1_owner, on_event) != RC_OK) {
        close(fd);
        conn_collect(c, sizeof(*c));
        return;
    }
    c->conn.timer.on_timer = on_timer;
    c->conn.post.run = h1_run;
    c->address = listen->owner;
    c->server = c->address->first;
    c->conf = c->server->scope->conf[http_core_index];
    log_attach(&c->conn.log,
               ((struct core_conf *)c->server->scope->conf[core_module_index])->error_log);
    c->opened_ms = clock_mono_ms;
    c->state = listen->proxy_protocol ? H1_PROXY : c->address->tls ? H1_SECURE : H1_WAIT;
    c->conn.ev.readable = true; /* data often came with the handshake */
    post_now(&c->conn.post);
}

/* For the engine ------------------------------------------------------------------------------- */

static void respond(struct request *r)
{
    struct h1_conn *c = r->wire_data;

    c->responding = true;
    post_now(&c->conn.post);
}

void h1_send_early(struct h1_conn *c, struct str text)
{
    struct chain *out = &c->stream->out;

    chain_add(out, text.data, text.len);
    conn_send(&c->conn, out, out->bytes);
}

/* The text outlives what it was made of: it may have to wait for the socket. */
static void interim(struct request *r, int status, const struct http_fields *fields)
{
    struct h1_conn *c = r->wire_data;
    size_t room = 64;
    char *text, *p;

    if (r->version < 11 || c->stream->begun)
        return;
    EACH_FIELD (f, fields)
        room += f->name.len + f->value.len + 4;
    text = pool_bytes(request_pool(r), room);
    p = FMT_LIT(text, "HTTP/1.1 ");
    p = fmt_uint(p, (uint64_t)status);
    *p++ = ' ';
    p = fmt_str(p, error_page_reason(status));
    p = FMT_LIT(p, "\r\n");
    EACH_FIELD (f, fields) {
        p = fmt_str(p, f->name);
        p = FMT_LIT(p, ": ");
        p = fmt_str(p, f->value);
        p = FMT_LIT(p, "\r\n");
    }
    p = FMT_LIT(p, "\r\n");
    h1_send_early(c, str_range(text, p));
}

static void upgrade(struct request *r, take_fn *take)
{
    CONTAINER(r, struct h1_stream, r)->take = take;
}

static void release(struct request *r)
{
    struct h1_conn *c = r->wire_data;

    c->stream->tunnel_over = true;
    post_now(&c->conn.post);
}

const struct wire_ops h1_wire = {
    .name = "h1", .respond = respond, .interim = interim, .body = h1_body_source,
    .upgrade = upgrade, .release = release,
};

static enum rc start(const struct child *child)
{
    request_vars = &child->gen->http_vars;
    accept_family(FAMILY_HTTP, h1_conn_open);
    return RC_OK;
}

const struct module h1_module = {
    .name = "h1",
    .doc = "HTTP/1.0 and HTTP/1.1 from clients.",
    .family = FAMILY_HTTP,
    .worker_start = start,
};
