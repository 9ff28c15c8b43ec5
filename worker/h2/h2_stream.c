/*
 * worker/h2/h2_stream.c - a stream as a request: its head field by field, its body as it comes.
 *
 * The library has checked what makes a message well-formed (RFC 9113, 8): order and number of
 * pseudo fields, characters, no connection-specific fields, the body against its Content-Length.
 */
#include <errno.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/fmt.h"
#include "worker/codec/h1_host.h"
#include "worker/h2/h2_tunnel.h"
#include "worker/http/body.h"
#include "worker/http/http_core.h"
#include "worker/http/intake.h"
#include "worker/http/phase.h"

#define FIRST_BODY_BYTES 4096
#define FIELD_OVERHEAD   32      /* RFC 9113, 10.5.1: what a field counts beyond its text */
#define BODY_WINDOW      (256 * 1024) /* once somebody reads the body */

static void on_source(struct post *post);
static void on_timer(struct timer *timer);

/* Streams: recycled, for they are large -------------------------------------------------------- */

static struct h2_stream *spare[64];
static uint32_t spare_count;

static void start_request(struct h2_stream *s)
{
    struct h2_conn *c = s->owner;
    struct request *r = &s->r;

    request_init(r, &c->conn, &h2_wire, s, &s->in, &s->out_fields);
    fields_init(&s->in, request_pool(r));
    fields_init(&s->out_fields, request_pool(r));
    r->version = 20;
    r->server = c->server;
    r->listen = c->conn.listen;
    r->tls = c->conn.tls != NULL;
    r->scope.conf = c->server->scope->conf;
    r->location = &c->server->base;
    log_attach(&r->log, ((struct core_conf *)r->scope.conf[core_module_index])->error_log);
    r->log.doing = "reading client request headers";
}

struct h2_stream *h2_stream_open(struct h2_conn *c, int32_t id)
{
    struct h2_stream *s = spare_count > 0 ? spare[--spare_count] : conn_alloc(sizeof(*s));

    s->owner = c;
    s->id = id;
    s->post = (struct post){.run = on_source};
    s->timer = (struct timer){.on_timer = on_timer};
    s->scheme = s->authority = s->protocol = s->cookie = STR_NONE;
    s->head_bytes = s->trailer_bytes = 0;
    s->fault = H1_FAULT_NONE;
    s->begun = s->body_used = s->body_done = s->body_bad = s->continue_sent = false;
    s->reading = s->filling = (struct buf){NULL, NULL, NULL, NULL};
    s->left_out = -1;
    s->answered = s->submitted = s->body_ended = s->in_flight = s->starved = false;
    s->closed = s->reset = s->stopped = false;
    s->take = NULL;
    s->tunnel = NULL;
    chain_init(&s->pending);
    link_init(&s->turn);
    list_append(&c->streams, &s->link);
    start_request(s);
    c->open++;
    conn_stats.reading++;
    return s;
}

/* What nobody has read makes room in the connection's window all the same. */
static void drop_body(struct h2_stream *s)
{
    size_t unread = buf_used(&s->reading) + buf_used(&s->filling);

    if (unread > 0)
        nghttp2_session_consume_connection(s->owner->session, unread);
    buf_give(&s->reading);
    buf_give(&s->filling);
}

void h2_stream_free(struct h2_stream *s)
{
    if (s->begun)
        conn_stats.writing--;
    else
        conn_stats.reading--;
    s->owner->open--;
    if (s->r.scope.pool != NULL) /* its head never was complete: nobody knows of it */
        pool_destroy(s->r.scope.pool);
    timer_cancel(&s->timer);
    post_cancel(&s->post);
    list_remove(&s->link);
    list_remove(&s->turn);
    drop_body(s);
    chain_clear(&s->pending);
    chain_fini(&s->pending);
    if (spare_count < COUNT(spare))
        spare[spare_count++] = s;
    else
        conn_collect(s, sizeof(*s));
}

/* The head ------------------------------------------------------------------------------------- */

static struct str copy(struct h2_stream *s, struct str text)
{
    char *memory = pool_bytes(request_pool(&s->r), text.len);

    memcpy(memory, text.data, text.len);
    return (struct str){memory, text.len};
}

static void pseudo_field(struct h2_stream *s, struct str name, struct str value)
{
    value = copy(s, value);
    if (str_eq(name, STR(":method")))
        s->r.method_text = value;
    else if (str_eq(name, STR(":path")))
        s->r.target = value;
    else if (str_eq(name, STR(":scheme")))
        s->scheme = value;
    else if (str_eq(name, STR(":authority")))
        s->authority = value;
    else if (str_eq(name, STR(":protocol")))
        s->protocol = value;
}

/* RFC 9113, 8.2.3: what a client split for better compression is one field again. */
static void add_cookie(struct h2_stream *s, struct str value)
{
    if (s->cookie.data == NULL)
        s->cookie = copy(s, value);
    else
        s->cookie = pool_printf(request_pool(&s->r), "%" STR_FMT "; %" STR_FMT,
                                STR_ARG(s->cookie), STR_ARG(value));
}

/* nginx calls names with other characters than letters, digits and '-' invalid. */
static bool is_odd(struct str name, bool underscores)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              (c == '_' && underscores)))
            return true;
    }
    return false;
}

static void ordinary_field(struct h2_stream *s, struct str name, struct str value)
{
    const struct http_core_conf *conf = s->owner->conf;
    enum field_id id = field_find_id(name);
    bool odd = is_odd(name, conf->underscores_in_headers);
    struct http_field *field;

    if (odd && conf->ignore_invalid_headers) {
        log_error(&s->r.log, LOG_INFO, 0, "client sent invalid header line: \"%" STR_FMT "\"",
                  STR_ARG(name));
        return;
    }
    if (id == FIELD_COOKIE) {
        add_cookie(s, value);
        return;
    }
    if (s->in.count >= (uint32_t)conf->max_headers) {
        s->fault = H1_FAULT_TOO_MANY_FIELDS;
        return;
    }
    field = fields_add(&s->in, copy(s, name), copy(s, value), (uint8_t)id);
    if (field == NULL)
        s->fault = H1_FAULT_NO_MEMORY;
    else if (odd)
        field->flags |= FIELD_NAME_ODD;
}

/* Whoever reads the body is told that it is not whole. */
static void refuse_trailers(struct h2_stream *s)
{
    log_error(&s->r.log, LOG_INFO, 0, "client sent too large trailer");
    s->body_bad = true;
    if (s->body.waiter != NULL)
        source_wake(&s->body);
}

static void trailer_field(struct h2_stream *s, struct str name, struct str value)
{
    struct request_body *body = s->r.scope.pool == NULL ? NULL : s->r.body;
    enum field_id id = field_find_id(name);
    struct h1_limits limits;

    if (body == NULL || s->answered || s->body_bad)
        return; /* nobody will read them */
    intake_limits(HTTP_CORE(&s->r), &limits);
    s->trailer_bytes += name.len + value.len + FIELD_OVERHEAD;
    if (name.len + value.len > limits.line_bytes || s->trailer_bytes > limits.head_bytes ||
        (body->trailers != NULL && body->trailers->count >= limits.fields)) {
        refuse_trailers(s);
        return;
    }
    if (!field_may_trail(id))
        return;
    if (body->trailers == NULL) {
        body->trailers = pool_alloc(request_pool(&s->r), sizeof(*body->trailers));
        fields_init(body->trailers, request_pool(&s->r));
    }
    if (fields_add(body->trailers, copy(s, name), copy(s, value), (uint8_t)id) == NULL)
        refuse_trailers(s);
}

void h2_stream_field(struct h2_stream *s, struct str name, struct str value)
{
    struct h1_limits limits;

    if (s->fault != H1_FAULT_NONE)
        return; /* nobody will read it */
    if (s->begun) {
        trailer_field(s, name, value);
        return;
    }
    intake_limits(s->owner->conf, &limits);
    s->head_bytes += name.len + value.len + FIELD_OVERHEAD;
    if (name.len + value.len > limits.line_bytes)
        s->fault = str_eq(name, STR(":path")) ? H1_FAULT_LINE_TOO_LONG : H1_FAULT_FIELD_TOO_LONG;
    else if (s->head_bytes > limits.head_bytes)
        s->fault = H1_FAULT_HEAD_TOO_LARGE;
    else if (name.data[0] == ':')
        pseudo_field(s, name, value);
    else
        ordinary_field(s, name, value);
}

/* Beginning ------------------------------------------------------------------------------------ */

/* $request, as if it had been a line. */
static void set_line(struct request *r)
{
    char *line = pool_bytes(request_pool(r), r->method_text.len + r->target.len + 16);
    char *p = fmt_str(line, r->method_text);

    *p++ = ' ';
    p = fmt_str(p, r->target);
    p = FMT_LIT(p, " HTTP/2.0");
    r->line = str_range(line, p);
}

/* The authority is the host (RFC 9113, 8.3.1), and handlers look for it in Host. */
static bool set_host(struct h2_stream *s)
{
    struct request *r = &s->r;
    struct str sent = fields_value(&s->in, FIELD_HOST), host = STR_NONE;
    bool has_upper = false;

    if (s->authority.data != NULL) {
        if (sent.data == NULL)
            fields_add(&s->in, STR("host"), s->authority, FIELD_HOST);
        else if (!str_eq(sent, s->authority))
            return false;
        sent = s->authority;
    }
    if (sent.data != NULL && !h1_host_parse(sent, &host, &r->host_port, &has_upper))
        return false;
    intake_server(r, s->owner->address, host, has_upper);
    return true;
}

static void turn_away(struct h2_stream *s, int status, const char *why)
{
    request_fail(&s->r, status, why);
    phase_answer(&s->r);
}

static void refuse(struct h2_stream *s, int status, const char *what, const char *why)
{
    log_error(&s->r.log, LOG_INFO, 0, "client sent %s", what);
    turn_away(s, status, why);
}

static void set_body(struct h2_stream *s, bool ended);

/* NULL when the head may be served; else what is wrong, and *why for $fail_reason. */
static const char *read_head(struct h2_stream *s, const char **why)
{
    struct request *r = &s->r;
    struct str length = fields_value(&s->in, FIELD_CONTENT_LENGTH);
    enum uri_fault fault;

    *why = "request.host";
    if (!set_host(s))
        return "invalid host";
    *why = "request.uri";
    fault = intake_target(r, r->target);
    if (fault != URI_OK)
        return uri_fault_text(fault);
    *why = "request.framing";
    if (length.data != NULL && !str_to_int(length, &r->content_length))
        return "invalid \"Content-Length\" header";
    return NULL;
}

static void begin(struct h2_stream *s, bool ended)
{
    struct request *r = &s->r;
    const char *fault, *why;

    if (s->fault != H1_FAULT_NONE) {
        refuse(s, h1_fault_status(s->fault), h1_fault_text(s->fault), intake_reason(s->fault));
        return;
    }
    if (r->method == METHOD_CONNECT || r->method == METHOD_TRACE) {
        turn_away(s, 405, "request.method");
        return;
    }
    if (unlikely(pool_low())) {
        log_error(&r->log, LOG_CRIT, ENOMEM, "a request is refused");
        turn_away(s, 503, "memory.low");
        return;
    }
    fault = read_head(s, &why);
    if (fault != NULL) {
        refuse(s, 400, fault, why);
        return;
    }
    set_body(s, ended);
    r->log.doing = NULL;
    request_start(r);
}

void h2_stream_begin(struct h2_stream *s, bool ended)
{
    struct h2_conn *c = s->owner;
    struct request *r = &s->r;
    bool unknown;

    timer_cancel(&s->timer);
    s->begun = true;
    s->body_done = ended;
    c->requests++;
    conn_stats.requests++;
    conn_stats.reading--;
    conn_stats.writing++;
    if (s->cookie.data != NULL)
        fields_add(&s->in, STR("cookie"), s->cookie, FIELD_COOKIE);
    unknown = s->protocol.data != NULL && !h2_tunnel_ask(s);
    r->method = method_find(r->method_text);
    r->header_only = r->method == METHOD_HEAD;
    r->head_bytes = (int64_t)s->head_bytes;
    r->conn_requests = c->requests;
    r->conn_opened_ms = c->opened_ms;
    r->keep_alive = true;
    set_line(r);
    if (unknown)
        turn_away(s, 501, "request.method"); /* RFC 9220, 3 */
    else
        begin(s, ended);
}

/* The request's body --------------------------------------------------------------------------- */

static void consumed(struct h2_stream *s, size_t bytes)
{
    if (s->closed)
        nghttp2_session_consume_connection(s->owner->session, bytes);
    else
        nghttp2_session_consume(s->owner->session, s->id, bytes);
    post_now(&s->owner->conn.post);
}

static void send_continue(struct h2_stream *s)
{
    s->continue_sent = true;
    if (s->r.expect_continue && !s->submitted && !s->closed && buf_used(&s->filling) == 0)
        h2_write_interim(s, 100, NULL);
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct h2_stream *s = CONTAINER(source, struct h2_stream, body);
    size_t n;

    if (!s->continue_sent)
        send_continue(s);
    if (buf_used(&s->reading) == 0 && buf_used(&s->filling) > 0) {
        buf_give(&s->reading);
        s->reading = s->filling;
        s->filling = (struct buf){NULL, NULL, NULL, NULL};
    }
    n = MIN(buf_used(&s->reading), max);
    if (n > 0) {
        chain_add(out, s->reading.pos, n);
        s->reading.pos += n;
        consumed(s, n);
    }
    if (s->body_bad && n == 0)
        return PULL_ERROR;
    if (s->body_done && !s->body_bad && buf_used(&s->reading) == 0 && buf_used(&s->filling) == 0) {
        timer_cancel(&s->timer);
        return PULL_END;
    }
    if (n > 0)
        return PULL_MORE;
    if (s->tunnel == NULL)
        timer_set(&s->timer, HTTP_CORE(&s->r)->client_body_timeout_ms);
    return PULL_WAIT;
}

static void close_body(struct source *source)
{
    CONTAINER(source, struct h2_stream, body)->body.waiter = NULL;
}

static const struct source_ops body_ops = {.name = "h2 body", .pull = pull, .close = close_body};

static void set_body(struct h2_stream *s, bool ended)
{
    struct request *r = &s->r;

    if (ended)
        return;
    s->body = (struct source){.ops = &body_ops, .length = r->content_length, .file_ok = true};
    if (r->extended_connect)
        return;
    r->chunked = r->content_length < 0;
    r->expect_continue = field_list_has(fields_value(&s->in, FIELD_EXPECT), STR("100-continue"));
    body_init(r);
}

struct source *h2_stream_body(struct request *r)
{
    struct h2_stream *s = CONTAINER(r, struct h2_stream, r);

    if (s->body_used || r->extended_connect ||
        (s->body_done && !s->body_bad && buf_used(&s->filling) == 0))
        return NULL;
    s->body_used = true;
    h2_stream_widen(s);
    return &s->body;
}

void h2_stream_widen(struct h2_stream *s)
{
    if (!s->closed && s->owner->h2->preread_bytes < BODY_WINDOW && !s->body_done) {
        nghttp2_session_set_local_window_size(s->owner->session, NGHTTP2_FLAG_NONE, s->id,
                                              BODY_WINDOW);
        post_now(&s->owner->conn.post);
    }
}

/* As much as the window lets come: the memory of a body that nobody reads is bounded by it. */
void h2_stream_data(struct h2_stream *s, struct str data)
{
    struct buf *b = &s->filling;

    if (s->answered && s->body.waiter == NULL && s->take == NULL) { /* nobody will read it */
        nghttp2_session_consume_connection(s->owner->session, data.len);
        return;
    }
    if (b->start == NULL)
        buf_take(b, MAX(data.len, FIRST_BODY_BYTES));
    else if (buf_room(b) < data.len)
        buf_grow(b, MAX((size_t)(b->end - b->start) * 2, (size_t)(b->last - b->start) + data.len));
    memcpy(b->last, data.data, data.len);
    b->last += data.len;
    s->r.head_bytes += (int64_t)data.len;
    if (s->body.waiter != NULL) {
        timer_cancel(&s->timer);
        source_wake(&s->body);
    }
}

void h2_stream_data_end(struct h2_stream *s)
{
    s->body_done = true;
    if (s->body.waiter != NULL)
        source_wake(&s->body);
}

void h2_stream_cut(struct h2_stream *s)
{
    if (s->body_done)
        return;
    s->body_bad = true;
    if (s->body.waiter != NULL)
        source_wake(&s->body);
}

/* Events --------------------------------------------------------------------------------------- */

static void on_source(struct post *post)
{
    struct h2_stream *s = CONTAINER(post, struct h2_stream, post);

    if (!s->starved || s->closed)
        return;
    s->starved = false;
    nghttp2_session_resume_data(s->owner->session, s->id);
    post_now(&s->owner->conn.post);
}

static void on_body_timeout(struct h2_stream *s)
{
    if (s->body.waiter == NULL) /* its reader has lost interest */
        return;
    s->body_bad = true;
    body_timed_out(&s->r);
    source_wake(&s->body);
}

static void on_timer(struct timer *timer)
{
    struct h2_stream *s = CONTAINER(timer, struct h2_stream, timer);

    if (!s->begun) {
        h2_conn_head_timed_out(s->owner);
        return;
    }
    if (!s->submitted) {
        on_body_timeout(s);
        return;
    }
    if (s->stopped) {
        nghttp2_submit_rst_stream(s->owner->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
        post_now(&s->owner->conn.post);
        return;
    }
    log_error(&s->r.log, LOG_INFO, ETIMEDOUT, "client timed out");
    s->r.send_failed = true;
    if (!s->closed)
        nghttp2_submit_rst_stream(s->owner->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    post_now(&s->owner->conn.post);
}
