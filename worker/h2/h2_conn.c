/*
 * worker/h2/h2_conn.c - the machine of an HTTP/2 connection: read, let requests run, write.
 *
 * What came in one read is handed to the library, whose callbacks open streams and begin requests;
 * these run from their own posts, and their answers post this machine once. Then everything there
 * is to send, for all streams, is gathered and leaves in one write. A request ends when the last of
 * its bytes was taken by the socket, for until then they lie where its source has them.
 */
#include "worker/h2/h2_conn.h"

#include <errno.h>

#include "common/clock.h"
#include "common/conf_load.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "common/role.h"
#include "worker/h2/h2_fold.h"
#include "worker/h2/h2_tunnel.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/http/server.h"
#include "worker/net/accept.h"
#include "worker/net/tls.h"

#define REST_AFTER_MS   250          /* of silence */
#define FRAMES_BYTES    (16 * 1024)  /* heads of frames in one write */
#define GATHER_BYTES    (256 * 1024) /* most that one write is made of */
#define TURN_BYTES      (2 << 20)    /* most that one connection sends before others have a turn */
#define CONN_WINDOW     (16 << 20)   /* of request bodies, all streams of a connection together */
#define DRAIN_IDLE_MS   2000         /* an idle connection's last wait while a successor serves */

uint32_t h2_index;

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static char *input;
static size_t input_bytes;

/* What the library tells ----------------------------------------------------------------------- */

static struct h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

/* The library counts those that are open. Behind them are those that the client gave up and that
   still run, or whose end waits for the socket: as many again. */
static bool is_crowded(const struct h2_conn *c)
{
    return c->open >= 2 * c->h2->concurrent_streams;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_conn *c = user;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (is_crowded(c))
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    h2_flood_earn(&c->flood);
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                         h2_stream_open(c, frame->hd.stream_id));
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);

    if (s != NULL && frame->hd.type == NGHTTP2_HEADERS)
        h2_stream_field(s, (struct str){(const char *)name, name_len},
                        (struct str){(const char *)value, value_len});
    return 0;
}

/* A stream that was passed over is closed for good (RFC 9113, 5.1.1): the library remembers only
   the last one, here the last 64 are known. */
static bool is_passed_over(struct h2_conn *c, int32_t id)
{
    int32_t behind = (c->newest_id - id) / 2;

    if (id % 2 == 0)
        return false;
    if (id <= c->newest_id)
        return behind < 64 && (c->recent_ids >> behind & 1) == 0;
    behind = (id - c->newest_id) / 2;
    c->recent_ids = behind < 64 ? c->recent_ids << behind | 1 : 1;
    c->newest_id = id;
    return false;
}

/* What the library lets pass. */
static bool is_forbidden(struct h2_conn *c, const nghttp2_frame_hd *head)
{
    return (head->type == NGHTTP2_HEADERS && is_passed_over(c, head->stream_id)) ||
           (head->type == NGHTTP2_PRIORITY && head->stream_id == 0);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *user)
{
    struct h2_conn *c = user;

    if (is_forbidden(c, head)) {
        log_error(&c->conn.log, LOG_INFO, 0, "client sent a frame of type %d for stream %d",
                  head->type, head->stream_id);
        nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
        return 0;
    }
    c->queued = nghttp2_session_get_outbound_queue_size(session);
    if (h2_flood_bears(&c->flood, head))
        return 0;
    log_error(&c->conn.log, LOG_INFO, 0, "client sent too many frames that ask for nothing "
                                         "(http2 flood)");
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

/* The library answers settings that take a window beyond its bounds with a reset of the stream.
   They end the connection (RFC 9113, 6.9.2). */
static void settings_came(struct h2_conn *c, const nghttp2_frame *frame)
{
    bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;

    if (!is_ack && nghttp2_session_get_outbound_queue_size(c->session) > c->queued + 1)
        nghttp2_session_terminate_session(c->session, NGHTTP2_FLOW_CONTROL_ERROR);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);
    bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (frame->hd.type == NGHTTP2_SETTINGS)
        settings_came(user, frame);
    if (s == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h2_stream_begin(s, ended);
    else if (ended && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
        h2_stream_data_end(s);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user)
{
    struct h2_stream *s = stream_of(session, id);

    if (s != NULL && s->begun)
        h2_stream_data(s, (struct str){(const char *)data, len});
    else
        nghttp2_session_consume(session, id, len);
    return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct h2_conn *c = user;

    log_error(&c->conn.log, LOG_INFO, 0,
              "client sent an invalid frame of type %d for stream %d: %s", frame->hd.type,
              frame->hd.stream_id, nghttp2_strerror(error));
    return 0;
}

static bool is_grpc(const struct request *r)
{
    struct str type = fields_value(r->fields, FIELD_CONTENT_TYPE);

    return str_starts_nocase(type, STR("application/grpc"));
}

/* The answer to a gRPC call is out and the client may still send. Its library reads the reset right
   behind the answer as the end of the call; without one some wait on, beyond their deadline. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_stream *s = stream_of(session, frame->hd.stream_id);

    if (s != NULL && frame->hd.type == NGHTTP2_HEADERS)
        s->r.head_sent += frame->hd.length + H2_FRAME_HEAD;
    if (s != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && is_grpc(&s->r) &&
        nghttp2_session_get_stream_remote_close(session, s->id) == 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    return 0;
}

/* The client gave the request up. Who minds (a proxied one) ends it; else it runs on to its end,
   unseen. */
static void give_up(struct h2_stream *s)
{
    h2_stream_cut(s);
    if (!request_hangup(&s->r))
        return;
    request_abort(&s->r);
    h2_stream_free(s);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct h2_stream *s = stream_of(session, id);
    struct h2_conn *c = user;

    if (s == NULL)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    s->closed = true;
    s->reset = !s->submitted || !s->body_ended || s->pending.bytes > 0 || s->r.send_failed;
    if (!s->begun) {
        h2_stream_free(s);
    } else if (!s->answered) {
        give_up(s);
    } else if (h2_tunnel_is_open(s)) {
        h2_tunnel_cut(s);
    } else {
        list_remove(&s->turn);
        list_append(&c->written, &s->turn);
    }
    return 0;
}

/* Writing -------------------------------------------------------------------------------------- */

/* Answers of the engine become frames of the library. */
static void submit_answers(struct h2_conn *c)
{
    struct link *link;

    while ((link = list_first(&c->answered)) != NULL) {
        struct h2_stream *s = CONTAINER(link, struct h2_stream, turn);

        list_remove(&s->turn);
        timer_cancel(&s->timer);
        if (s->closed) {
            s->reset = true;
            list_append(&c->written, &s->turn);
            continue;
        }
        if (s->take != NULL)
            h2_tunnel_open(s);
        if (s->r.close_silently || !h2_write_head(s)) {
            s->r.send_failed = true;
            s->submitted = true;
            nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id,
                                      NGHTTP2_INTERNAL_ERROR);
        }
    }
}

/* Frames from the library until a write is full. Theirs are copied, for the next one overwrites
   them; one that is larger than the room is the last. */
static bool gather(struct h2_conn *c)
{
    const uint8_t *data;
    ssize_t n;

    if (c->frames.start == NULL)
        buf_take(&c->frames, FRAMES_BYTES);
    while (c->out.bytes < GATHER_BYTES && !c->full) {
        n = nghttp2_session_mem_send(c->session, &data);
        if (n < 0) {
            log_error(&c->conn.log, LOG_ERROR, 0, "http2: %s", nghttp2_strerror((int)n));
            return false;
        }
        if (n == 0)
            return true;
        c->full = (size_t)n > buf_room(&c->frames);
        if (c->full) {
            chain_add(&c->out, data, (size_t)n);
            return true;
        }
        memcpy(c->frames.last, data, (size_t)n);
        chain_add(&c->out, c->frames.last, (size_t)n);
        c->frames.last += n;
    }
    return true;
}

static void end_request(struct h2_stream *s)
{
    if (s->reset)
        request_abort(&s->r);
    else
        request_done(&s->r);
    h2_stream_free(s);
}

/* The socket took all there was: sources may be asked again, and requests end. */
static void all_written(struct h2_conn *c)
{
    c->full = false;
    c->frames.pos = c->frames.last = c->frames.start;
    LIST_EACH(struct h2_stream, s, &c->written, turn)
    {
        list_remove(&s->turn);
        s->in_flight = false;
        if (s->closed)
            end_request(s);
    }
}

/* The answer is out and the request's body is not all here: its window stays shut, so that the
   client finds the answer and ends the stream. One that does not is told (RFC 9113, 8.1), but
   later: some clients forget an answer when the reset comes with it. gRPC's clients
   are told at once: on_sent does that. */
static void stop_uploads(struct h2_conn *c)
{
    LIST_EACH(struct h2_stream, s, &c->streams, link)
    {
        if (h2_stream_is_answered(s) && !s->stopped) {
            s->stopped = true;
            timer_set(&s->timer, c->conf->lingering_timeout_ms);
        }
    }
}

static enum rc write_all(struct h2_conn *c)
{
    uint64_t before = c->conn.sent;
    enum rc rc;

    submit_answers(c);
    for (;;) {
        if (!gather(c))
            return RC_ERROR;
        if (c->out.bytes > 0) {
            rc = conn_send(&c->conn, &c->out, TURN_BYTES);
            if (rc != RC_OK || c->out.bytes > 0)
                return rc;
        } else if (list_empty(&c->written)) {
            break;
        }
        all_written(c);
        if (c->conn.sent - before >= TURN_BYTES) {
            post_turn_end(&c->conn.post);
            return RC_OK;
        }
    }
    buf_give(&c->frames);
    return RC_OK;
}

/* Rest ----------------------------------------------------------------------------------------- */

static bool may_rest(const struct h2_conn *c)
{
    return c->fold != NULL && c->state == H2_SERVE && list_empty(&c->streams) &&
           c->out.bytes == 0 && c->early.start == NULL && !c->last_goaway &&
           !nghttp2_session_want_write(c->session);
}

static void rest(struct h2_conn *c)
{
    log_debug(&c->conn.log, "h2: rests");
    h2_fold_close(c->fold);
    c->rests = true;
}

/* Before the session is used by anything but its streams, which it has none of while it rests. */
static void wake(struct h2_conn *c)
{
    if (likely(!c->rests))
        return;
    log_debug(&c->conn.log, "h2: wakes");
    h2_fold_open(c->fold);
    c->rests = false;
}

/* The machine ---------------------------------------------------------------------------------- */

static bool feed(struct h2_conn *c, const char *data, size_t len)
{
    ssize_t n = nghttp2_session_mem_recv(c->session, (const uint8_t *)data, len);

    if (n >= 0)
        return true;
    log_error(&c->conn.log, LOG_INFO, 0, "client sent invalid http2: %s",
              nghttp2_strerror((int)n));
    return false;
}

static bool read_some(struct h2_conn *c)
{
    ssize_t n;
    bool good;

    if (c->early.start != NULL) {
        good = feed(c, c->early.pos, buf_used(&c->early));
        buf_give(&c->early);
        if (!good)
            return false;
    }
    if (!c->conn.ev.readable)
        return true;
    n = conn_recv(&c->conn, input, input_bytes);
    if (n == CONN_AGAIN)
        return true;
    if (n <= 0) {
        if (n == CONN_EOF && c->open > 0)
            log_error(&c->conn.log, LOG_INFO, 0, "client prematurely closed connection");
        return false;
    }
    if (c->conn.ev.readable)
        post_turn_end(&c->conn.post);
    return feed(c, input, (size_t)n);
}

/* No new requests: those that run end as they would (RFC 9113, 6.8). */
static void say_goodbye(struct h2_conn *c)
{
    if (c->last_goaway)
        return;
    c->last_goaway = true;
    nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}

static bool is_worn(const struct h2_conn *c)
{
    if (c->draining && clock_mono_ms >= c->drain_until_ms)
        return true;
    return (int64_t)c->requests >= c->conf->keepalive_requests ||
           clock_mono_ms - c->opened_ms >= c->conf->keepalive_time_ms;
}

static bool is_over(const struct h2_conn *c)
{
    if (c->out.bytes > 0)
        return false;
    if (c->last_goaway && c->open == 0)
        return true;
    return !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session);
}

static enum h2_state step_serve(struct h2_conn *c)
{
    if (c->timed_out)
        return H2_CLOSED;
    if (!read_some(c))
        return H2_CLOSED;
    if (is_worn(c))
        say_goodbye(c);
    if (write_all(c) == RC_ERROR)
        return H2_CLOSED;
    if (!list_empty(&c->streams))
        stop_uploads(c);
    if (nghttp2_session_want_write(c->session) && c->conn.ev.writable && c->out.bytes == 0 &&
        write_all(c) == RC_ERROR)
        return H2_CLOSED;
    return is_over(c) ? H2_LINGER : H2_SERVE;
}

/* Reads and drops, so that our last bytes are not lost to a RST. */
static enum h2_state step_linger(struct h2_conn *c)
{
    ssize_t n;

    if (c->timed_out || c->conf->lingering == 0)
        return H2_CLOSED;
    if (c->linger_until_ms == 0) {
        c->conn.io->shutdown(&c->conn);
        c->linger_until_ms = clock_mono_ms + c->conf->lingering_time_ms;
        c->conn.ev.readable = true;
    }
    if (c->conn.ev.writable && tls_owes(&c->conn))
        c->conn.ev.readable = true;
    if (c->conn.ev.readable) {
        n = conn_recv(&c->conn, input, input_bytes);
        if (n == CONN_EOF || n == CONN_ERROR)
            return H2_CLOSED;
        if (c->conn.ev.readable)
            post_turn_end(&c->conn.post);
    }
    return clock_mono_ms < c->linger_until_ms ? H2_LINGER : H2_CLOSED;
}

/* A response that went out whole is no less complete because the connection ends with it. */
static void end_stream(struct h2_conn *c, struct h2_stream *s)
{
    bool whole;

    s->closed = true;
    if (h2_tunnel_is_open(s))
        h2_tunnel_cut(s);
    whole = s->submitted && s->body_ended && s->pending.bytes == 0 && c->out.bytes == 0;
    if (s->begun && !s->answered && (c->conn.ev.hangup || c->conn.ev.failed)) {
        request_hangup(&s->r);
        s->r.client_left = true;
    }
    if (s->begun && whole && !s->reset)
        request_done(&s->r);
    else if (s->begun)
        request_abort(&s->r);
    h2_stream_free(s);
}

static enum h2_state step_closed(struct h2_conn *c)
{
    LIST_EACH(struct h2_stream, s, &c->streams, link)
    end_stream(c, s);
    nghttp2_session_del(c->session);
    if (c->fold != NULL)
        h2_fold_give(c->fold);
    chain_clear(&c->out);
    chain_fini(&c->out);
    buf_give(&c->frames);
    buf_give(&c->early);
    if (c->timed_out && c->conf->reset_timedout)
        conn_reset(&c->conn);
    else
        conn_close(&c->conn);
    conn_collect(c, sizeof(*c));
    return H2_CLOSED;
}

static const struct {
    const char *name;
    enum h2_state (*step)(struct h2_conn *c);
    uint32_t may_lead_to;
} steps[H2_STATES] = {
    [H2_SERVE] = {"serve", step_serve, BIT(H2_LINGER) | BIT(H2_CLOSED)},
    [H2_LINGER] = {"linger", step_linger, BIT(H2_CLOSED)},
    [H2_CLOSED] = {"closed", step_closed, 0},
};

static int64_t drain_ms(const struct h2_conn *c)
{
    return c->conf->keepalive_min_set ? c->conf->keepalive_min_timeout_ms : DRAIN_IDLE_MS;
}

static int64_t idle_ms(const struct h2_conn *c)
{
    if (c->draining)
        return drain_ms(c);
    return c->requests == 0 ? c->conf->client_header_timeout_ms : c->conf->keepalive_timeout_ms;
}

static void arm_idle(struct h2_conn *c)
{
    int64_t ms = idle_ms(c);

    c->idle_until_ms = clock_mono_ms + ms;
    timer_set(&c->conn.timer, c->fold != NULL ? MIN(ms, REST_AFTER_MS) : ms);
}

/* From one write to the next: whatever else the client sends meanwhile. */
static void await_socket(struct h2_conn *c)
{
    if (c->stuck && c->stuck_at == c->conn.sent)
        return;
    c->stuck = true;
    c->stuck_at = c->conn.sent;
    timer_set(&c->conn.timer, c->conf->send_timeout_ms);
}

/* Every wait is bounded. A stream whose source is slow is bounded by that; one that the client's
   window holds up, by send_timeout; one whose head does not end, by client_header_timeout. */
static void arm(struct h2_conn *c)
{
    LIST_EACH(struct h2_stream, s, &c->streams, link)
    {
        if (unlikely(!s->begun) && !timer_is_set(&s->timer))
            timer_set(&s->timer, c->conf->client_header_timeout_ms);
        if (s->submitted && !s->starved && !s->closed && !timer_is_set(&s->timer))
            timer_set(&s->timer, HTTP_CORE(&s->r)->send_timeout_ms);
    }
    if (c->state == H2_SERVE && c->out.bytes > 0) {
        await_socket(c);
        return;
    }
    c->stuck = false;
    if (c->state == H2_LINGER)
        timer_set(&c->conn.timer, c->conf->lingering_timeout_ms);
    else if (c->open == 0)
        arm_idle(c);
    else
        timer_cancel(&c->conn.timer);
}

static void run(struct post *post)
{
    struct h2_conn *c = CONTAINER(post, struct h2_conn, conn.post);
    enum h2_state next;

    must(!c->running);
    c->running = true;
    wake(c);
    while ((next = steps[c->state].step(c)) != c->state) {
        assert(steps[c->state].may_lead_to & BIT(next));
        log_debug(&c->conn.log, "h2: %s -> %s", steps[c->state].name, steps[next].name);
        c->state = (uint8_t)next;
    }
    if (c->state == H2_CLOSED)
        return;
    arm(c);
    c->running = false;
}

static void on_event(struct event *ev)
{
    post_now(&CONTAINER(ev, struct h2_conn, conn.ev)->conn.post);
}

/* An idle connection ends politely; one that takes nothing, or does not go, at once. */
static void on_timer(struct timer *timer)
{
    struct h2_conn *c = CONTAINER(timer, struct h2_conn, conn.timer);

    if (!c->rests && may_rest(c) && clock_mono_ms < c->idle_until_ms) {
        rest(c);
        timer_set(timer, c->idle_until_ms - clock_mono_ms);
        return;
    }
    wake(c);
    if (c->state == H2_SERVE && c->out.bytes == 0 && !c->last_goaway) {
        say_goodbye(c);
    } else {
        if (c->out.bytes > 0)
            log_error(&c->conn.log, LOG_INFO, ETIMEDOUT, "client timed out");
        c->timed_out = true;
    }
    post_now(&c->conn.post);
}

static void begin_to_drain(struct h2_conn *c)
{
    c->draining = true;
    c->drain_until_ms = clock_mono_ms + drain_ms(c);
}

/* While a successor serves, a request that is on its way is still answered. */
static void on_drain(struct conn *conn, bool successor)
{
    struct h2_conn *c = CONTAINER(conn, struct h2_conn, conn);

    wake(c);
    begin_to_drain(c);
    if (c->state == H2_SERVE && (successor || c->conf->keepalive_min_set))
        nghttp2_submit_shutdown_notice(c->session);
    else if (c->state == H2_SERVE)
        say_goodbye(c);
    post_now(&c->conn.post);
}

static bool on_squeeze(struct conn *conn)
{
    struct h2_conn *c = CONTAINER(conn, struct h2_conn, conn);

    if (c->state != H2_SERVE || c->open > 0 || c->last_goaway)
        return false;
    wake(c);
    say_goodbye(c);
    post_now(&c->conn.post);
    return true;
}

static const struct conn_owner h2_owner = {.name = "h2", .on_drain = on_drain,
                                           .on_squeeze = on_squeeze};

static bool start_session(struct h2_conn *c)
{
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)c->h2->concurrent_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)c->h2->preread_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    };
    size_t count = COUNT(settings) - (c->h2->extended_connect ? 0 : 1);
    nghttp2_mem mem;

    c->fold = h2_fold_take(&mem);
    if (nghttp2_session_server_new3(&c->session, callbacks, c, options,
                                    c->fold != NULL ? &mem : NULL) != 0)
        return false;
    if (c->fold != NULL)
        h2_fold_made(c->fold);
    return nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, count) == 0 &&
           nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONN_WINDOW) == 0;
}

static void take(struct conn *from, const struct http_address *address, struct http_server *server,
                 struct buf *early)
{
    struct h2_conn *c = conn_alloc(sizeof(*c));

    c->early = *early;
    *early = (struct buf){NULL, NULL, NULL, NULL};
    if (conn_move(&c->conn, from, &h2_owner, on_event) != RC_OK) {
        buf_give(&c->early);
        conn_close(from);
        conn_collect(c, sizeof(*c));
        return;
    }
    c->conn.timer.on_timer = on_timer;
    c->conn.post.run = run;
    c->address = address;
    c->server = server;
    c->conf = server->scope->conf[http_core_index];
    c->h2 = server->scope->conf[h2_index];
    c->opened_ms = clock_mono_ms;
    h2_flood_init(&c->flood);
    c->state = start_session(c) ? H2_SERVE : H2_CLOSED;
    list_init(&c->streams);
    list_init(&c->answered);
    list_init(&c->written);
    chain_init(&c->out);
    c->conn.ev.readable = true;
    conn_nodelay(&c->conn);
    if (conn_draining && c->state == H2_SERVE) { /* it was accepted before that */
        begin_to_drain(c);
        nghttp2_submit_shutdown_notice(c->session);
    }
    post_now(&c->conn.post);
}

void h2_conn_head_timed_out(struct h2_conn *c)
{
    log_error(&c->conn.log, LOG_INFO, ETIMEDOUT,
              "client timed out while reading client request headers");
    c->timed_out = true;
    post_now(&c->conn.post);
}

/* For the engine ------------------------------------------------------------------------------- */

static void respond(struct request *r)
{
    struct h2_stream *s = r->wire_data;

    s->answered = true;
    list_append(&s->owner->answered, &s->turn);
    post_now(&s->owner->conn.post);
}

static void interim(struct request *r, int status, const struct http_fields *fields)
{
    struct h2_stream *s = r->wire_data;

    if (!s->submitted && !s->closed)
        h2_write_interim(s, status, fields);
}

/* Nothing is upgraded here but by extended CONNECT (RFC 9113, 8.6): an answer of 101 has no
   meaning. */
static void upgrade(struct request *r, take_fn *taker)
{
    struct h2_stream *s = r->wire_data;

    if (r->extended_connect)
        s->take = taker;
    else
        r->close_silently = true;
}

static void release(struct request *r)
{
    struct h2_stream *s = r->wire_data;
    struct h2_conn *c = s->owner;

    h2_tunnel_release(s);
    s->take = NULL;
    if (s->closed) {
        list_remove(&s->turn);
        list_append(&c->written, &s->turn);
    } else if (r->fail_reason != NULL) { /* RFC 8441, 5: as a connection that is reset */
        r->send_failed = true;
        nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    }
    post_now(&c->conn.post);
}

const struct wire_ops h2_wire = {
    .name = "h2", .respond = respond, .interim = interim, .body = h2_stream_body,
    .upgrade = upgrade, .release = release,
};

/* The module ----------------------------------------------------------------------------------- */

static bool allowed(const struct http_address *address, const struct http_server *server)
{
    const struct h2_conf *conf = server->scope->conf[h2_index];

    return address->http2 || conf->enabled;
}

static const struct wire_protocol protocol = {.allowed = allowed, .take = take};

static bool make_library(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&options) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_send_data);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_outbound_ack(options, 2 * H2_PATIENCE); /* ours is the judgement */
    nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
    return true;
}

static bool is_spoken(const struct generation *gen)
{
    const struct http_conf *http = gen->http;

    if (http == NULL)
        return false;
    for (const struct http_server *s = http->servers; s != NULL; s = s->next) {
        if (((const struct h2_conf *)s->scope->conf[h2_index])->enabled)
            return true;
    }
    for (const struct listen_spec *l = gen->listens; l != NULL; l = l->next) {
        if (l->family == FAMILY_HTTP && ((const struct http_address *)l->owner)->http2)
            return true;
    }
    return false;
}

static enum rc start(const struct child *child)
{
    const struct http_conf *http = child->gen->http;
    const struct h2_conf *conf;

    if (!is_spoken(child->gen))
        return RC_OK;
    conf = http->scope->conf[h2_index];
    input_bytes = (size_t)conf->recv_buffer_bytes;
    input = pool_malloc(input_bytes);
    if (!make_library())
        return RC_ERROR;
    wire_h2 = &protocol;
    return RC_OK;
}

static void get_http2(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct request *r = CONTAINER(scope, struct request, scope);

    var_found(out, r->version != 20 ? STR("") : r->tls ? STR("h2") : STR("h2c"));
}

static const struct var_def variables[] = {
    {.name = "http2", .get = get_http2},
};

#define F(member) FIELD(struct h2_conf, member)

static const struct directive directives[] = {
    {.name = "http2", .where = IN_HTTP | IN_SERVER, .args = "on|off", .value = VALUE_FLAG,
     .field = F(enabled), .initial = "off",
     .doc = "Speak HTTP/2: over TLS with clients that ask for it, else with those that begin so."},
    {.name = "http2_max_concurrent_streams", .where = IN_HTTP | IN_SERVER, .args = "number",
     .value = VALUE_INT, .field = F(concurrent_streams), .min = 1, .max = INT32_MAX,
     .initial = "128", .doc = "How many requests a connection may have open at once."},
    {.name = "http2_extended_connect", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(extended_connect), .initial = "off",
     .doc = "Offer WebSocket over HTTP/2 (RFC 8441). A location sees the handshake as HTTP/1.1 has "
            "it: where that would reach its origin, so does this."},
    {.name = "http2_body_preread_size", .where = IN_HTTP | IN_SERVER, .args = "size",
     .value = VALUE_SIZE, .field = F(preread_bytes), .max = INT32_MAX, .initial = "64k",
     .doc = "How much of a request's body may come before anybody reads it."},
    {.name = "http2_recv_buffer_size", .where = IN_HTTP, .args = "size", .value = VALUE_SIZE,
     .field = F(recv_buffer_bytes), .min = 16384, .max = INT32_MAX, .initial = "256k",
     .doc = "What each worker reads into, for all connections."},
    {.name = "http2_chunk_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(chunk_bytes), .min = 1, .max = 16384, .initial = "8k",
     .doc = "Most bytes of a response in one frame. Larger ones cost less, smaller ones let "
            "streams share more evenly."},
};

const struct module h2_module = {
    .name = "h2", .nginx_name = "http_v2_module",
    .doc = "HTTP/2 from clients.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .variables = TABLE(variables),
    .conf_size = sizeof(struct h2_conf),
    .worker_start = start,
    .index = &h2_index,
};
