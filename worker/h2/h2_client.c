/*
 * worker/h2/h2_client.c - the machine of an HTTP/2 connection to an origin: read, tell, write.
 *
 * What came in one read is handed to the library, whose callbacks fill the calls and post those who
 * wait for them. What they send is gathered and leaves in one write at the end of the turn.
 */
#include "worker/h2/h2_client.h"

#include "common/clock.h"
#include "worker/h2/h2_client_conn.h"

#define INPUT_BYTES   (128 * 1024)
#define READS_MOST    8             /* at once; then others have a turn */
#define OUT_BYTES     (32 * 1024)   /* the least room for frames */
#define GATHER_BYTES  (128 * 1024)  /* most that one write is made of */
#define STREAM_WINDOW (256 * 1024)  /* of an answer that nobody reads */
#define CONN_WINDOW   (64 << 20)    /* of all of them: each stream has its own bound */
#define FIRST_STREAMS 100           /* until the origin says how many (RFC 9113, 6.5.2) */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static char input[INPUT_BYTES];

/* What the library tells ----------------------------------------------------------------------- */

static struct h2_call *call_at(nghttp2_session *session, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user)
{
    struct h2_client *c = user;

    if (h2_flood_bears(&c->flood, head))
        return 0;
    log_error(&c->whole->conn.log, LOG_ERROR, 0,
              "upstream sent too many frames that say nothing (http2 flood)");
    c->leaving = true;
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client *c = user;
    struct h2_call *call = call_at(session, frame->hd.stream_id);

    if (frame->hd.type != NGHTTP2_HEADERS || call == NULL)
        return 0;
    h2_flood_earn(&c->flood);
    h2_call_head_begins(call);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct h2_call *call = call_at(session, frame->hd.stream_id);

    if (call == NULL || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    return h2_call_field(call, (struct str){(const char *)name, name_len},
                         (struct str){(const char *)value, value_len})
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client *c = user;
    struct h2_call *call = call_at(session, frame->hd.stream_id);
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (frame->hd.type == NGHTTP2_GOAWAY)
        c->leaving = c->goes = true;
    if (call == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        h2_call_head_ends(call);
    if (ended && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
        h2_call_answered(call);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user)
{
    struct h2_client *c = user;
    struct h2_call *call = call_at(session, id);

    nghttp2_session_consume_connection(session, len);
    h2_flood_earn(&c->flood);
    if (call != NULL)
        h2_call_data(call, (struct str){(const char *)data, len});
    return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct h2_client *c = user;

    log_error(&c->whole->conn.log, LOG_ERROR, 0,
              "upstream sent an invalid frame of type %d for stream %d: %s", frame->hd.type,
              frame->hd.stream_id, nghttp2_strerror(error));
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_call *call = call_at(session, frame->hd.stream_id);

    if (call == NULL || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call->head_sent = true;
    call->x.conn.sent += frame->hd.length;
    return 0;
}

/* RFC 9113, 8.7: what the origin refuses it has not looked at; so do streams beyond its GOAWAY. */
static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    const struct h2_client *c = user;
    struct h2_call *call = call_at(session, id);
    enum h2_fate fate = error != NGHTTP2_REFUSED_STREAM ? H2_FATE_RESET
                        : c->goes                       ? H2_FATE_PASSED
                                                        : H2_FATE_REFUSED;

    if (call == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    h2_call_closed(call, fate, error);
    return 0;
}

/* The machine ---------------------------------------------------------------------------------- */

static bool feed(struct h2_client *c, size_t len)
{
    ssize_t n = nghttp2_session_mem_recv(c->session, (const uint8_t *)input, len);

    if (n >= 0)
        return true;
    log_error(&c->whole->conn.log, LOG_ERROR, 0, "upstream sent invalid http2: %s",
              nghttp2_strerror((int)n));
    return false;
}

static bool read_some(struct h2_client *c)
{
    struct conn *conn = &c->whole->conn;

    for (int reads = 0; conn->ev.readable; reads++) {
        ssize_t n;

        if (reads == READS_MOST) {
            post_turn_end(&c->post);
            return true;
        }
        n = conn_recv(conn, input, sizeof(input));
        if (n == CONN_AGAIN)
            return true;
        if (n <= 0)
            return false;
        c->heard_ms = clock_mono_ms;
        if (!feed(c, (size_t)n))
            return false;
    }
    return true;
}

/* One larger than the room is possible: a block of header fields. */
static void add_frames(struct buf *b, const uint8_t *data, size_t n)
{
    if (buf_room(b) < n)
        buf_grow(b, (size_t)(b->end - b->start) * 2 + n);
    memcpy(b->last, data, n);
    b->last += n;
}

static bool gather(struct h2_client *c)
{
    const uint8_t *data;
    ssize_t n;

    if (c->out.start == NULL)
        buf_take(&c->out, OUT_BYTES);
    c->full = false;
    while (buf_used(&c->out) < GATHER_BYTES && !c->full) {
        n = nghttp2_session_mem_send(c->session, &data);
        if (n == 0)
            return true;
        if (n < 0) {
            log_error(&c->whole->conn.log, LOG_ERROR, 0, "http2: %s", nghttp2_strerror((int)n));
            return false;
        }
        add_frames(&c->out, data, (size_t)n);
    }
    return true;
}

static enum rc write_out(struct h2_client *c)
{
    struct conn *conn = &c->whole->conn;
    struct chain out;
    enum rc rc;

    chain_init(&out);
    chain_add(&out, c->out.pos, buf_used(&c->out));
    rc = conn_send(conn, &out, SIZE_MAX);
    c->out.pos = c->out.last - out.bytes;
    chain_clear(&out);
    if (c->out.pos == c->out.last)
        c->out.pos = c->out.last = c->out.start;
    return rc;
}

static enum rc write_all(struct h2_client *c)
{
    enum rc rc;

    if (buf_used(&c->out) == 0 && !nghttp2_session_want_write(c->session))
        return RC_OK;
    for (int writes = 0; writes < READS_MOST; writes++) {
        if (buf_used(&c->out) == 0 && !gather(c))
            return RC_ERROR;
        if (buf_used(&c->out) == 0) {
            buf_give(&c->out);
            return RC_OK;
        }
        if (!c->whole->conn.ev.writable)
            return RC_AGAIN;
        rc = write_out(c);
        if (rc != RC_OK)
            return rc;
    }
    post_turn_end(&c->post);
    return RC_OK;
}

/* Nobody needs it, and nobody may. */
static bool is_over(struct h2_client *c)
{
    struct exchange *x = c->whole;

    if (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session) &&
        buf_used(&c->out) == 0)
        return true;
    if (c->open > 0)
        return false;
    return c->leaving || conn_draining || x->timed_out || (!x->resting && !shared_rest(x));
}

/* The origin is told that we go; if it does not listen, that is all. */
static void say_goodbye(struct h2_client *c)
{
    if (c->open > 0 || buf_used(&c->out) > 0 || !c->whole->conn.ev.writable)
        return;
    nghttp2_session_terminate_session(c->session, NGHTTP2_NO_ERROR);
    write_all(c);
}

static enum client_state step_serve(struct h2_client *c)
{
    if (!read_some(c) || write_all(c) == RC_ERROR)
        return CLIENT_CLOSED;
    if (!is_over(c))
        return CLIENT_SERVE;
    say_goodbye(c);
    return CLIENT_CLOSED;
}

static enum client_state step_closed(struct h2_client *c)
{
    LIST_EACH(struct h2_call, call, &c->calls, link)
    {
        list_remove(&call->link);
        call->owner = NULL;
        h2_call_closed(call, H2_FATE_LOST, NGHTTP2_NO_ERROR);
    }
    shared_wake(c->whole);
    nghttp2_session_del(c->session);
    buf_give(&c->out);
    post_cancel(&c->post);
    exchange_close(c->whole);
    conn_collect(c, sizeof(*c));
    return CLIENT_CLOSED;
}

static const struct {
    const char *name;
    enum client_state (*step)(struct h2_client *c);
    uint32_t leads_to;
} steps[CLIENT_STATES] = {
    [CLIENT_SERVE] = {"serve", step_serve, BIT(CLIENT_CLOSED)},
    [CLIENT_CLOSED] = {"closed", step_closed, 0},
};

static void run(struct post *post)
{
    struct h2_client *c = CONTAINER(post, struct h2_client, post);
    enum client_state next;

    must(!c->running);
    c->running = true;
    while ((next = steps[c->state].step(c)) != c->state) {
        assert(steps[c->state].leads_to & BIT(next));
        log_debug(&c->whole->conn.log, "h2 client: %s -> %s", steps[c->state].name,
                  steps[next].name);
        c->state = (uint8_t)next;
    }
    if (c->state != CLIENT_CLOSED)
        c->running = false;
}

/* For those who share it ----------------------------------------------------------------------- */

static bool make_library(void)
{
    if (callbacks != NULL)
        return true;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_call_send_data);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_peer_max_concurrent_streams(options, FIRST_STREAMS);
    nghttp2_option_set_max_outbound_ack(options, 2 * H2_PATIENCE); /* ours is the judgement */
    return true;
}

static bool start_session(struct h2_client *c)
{
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
    };

    return make_library() &&
           nghttp2_session_client_new2(&c->session, callbacks, c, options) == 0 &&
           nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, COUNT(settings)) == 0 &&
           nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONN_WINDOW) == 0;
}

static enum rc start(struct exchange *whole)
{
    struct h2_client *c = conn_alloc(sizeof(*c));

    c->whole = whole;
    c->post.run = run;
    c->heard_ms = clock_mono_ms;
    list_init(&c->calls);
    h2_flood_init(&c->flood);
    if (!start_session(c)) {
        log_error(&whole->conn.log, LOG_CRIT, 0, "no http2 session could be made");
        nghttp2_session_del(c->session);
        conn_collect(c, sizeof(*c));
        return RC_ERROR;
    }
    timer_cancel(&whole->conn.timer);
    exchange_use(whole, &c->post, &process_log);
    whole->conn.log.doing = "talking to upstream";
    return RC_OK;
}

static struct h2_client *client_of(const struct exchange *whole)
{
    return CONTAINER(whole->user, struct h2_client, post);
}

static bool has_room(const struct exchange *whole)
{
    const struct h2_client *c = client_of(whole);

    return c->state == CLIENT_SERVE && !c->leaving &&
           nghttp2_session_check_request_allowed(c->session) &&
           c->open < nghttp2_session_get_remote_settings(
                         c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

static struct exchange *open_call(struct exchange *whole)
{
    struct h2_client *c = client_of(whole);

    shared_wake(whole);
    whole->timed_out = false;
    whole->requests++;
    c->open++;
    return &h2_call_open(c)->x;
}

void h2_client_done(struct h2_client *c, struct h2_call *call)
{
    list_remove(&call->link);
    c->open--;
    if (c->open == 0)
        h2_client_flush(c);
}

static void retire(struct exchange *whole)
{
    struct h2_client *c = client_of(whole);

    c->leaving = true;
    h2_client_flush(c);
}

static bool squeeze(struct exchange *whole)
{
    const struct h2_client *c = client_of(whole);

    if (c->open > 0 || c->leaving)
        return false;
    retire(whole);
    return true;
}

const struct shared_ops h2_shared = {
    .name = "h2", .start = start, .has_room = has_room, .open = open_call, .close = h2_call_close,
    .retire = retire, .squeeze = squeeze,
};
