/*
 * worker/h1/h1_body.c - a request's body as it arrives, framing removed (RFC 9112, 6 and 7).
 *
 * First come the bytes that lie behind the head in its buffer (all of a small body, where one is
 * expected), then reads into a buffer of the body's own: the head's slices must stay where they
 * are. What is read past the end of a body belongs to the next request; even where the end is known
 * a little more is asked for, as only a read that comes back short tells that nothing is left to be
 * read.
 */
#include <errno.h>

#include "worker/h1/h1_conn.h"
#include "worker/http/body.h"
#include "worker/http/http_core.h"
#include "worker/http/intake.h"

#define BODY_READ (32 * 1024)
#define READ_PAST 512         /* beyond the end of a body of known length */
#define TURN_SKIP (2 << 20)   /* read and dropped before others have a turn */
#define TRAILER_MOST 16384

static struct h1_conn *owner_of(struct source *source)
{
    return CONTAINER(source, struct h1_stream, body)->owner;
}

/* Where the next request would begin is not known any more. */
static enum pull fail(struct h1_conn *c, const char *what)
{
    struct h1_stream *s = c->stream;

    if (what != NULL)
        log_error(&s->r.log, LOG_INFO, 0, "client %s", what);
    s->body_bad = c->unread = true;
    c->keep = false;
    return PULL_ERROR;
}

/* Where the next undecoded bytes are: behind the head, then in the body's own buffer. */
static struct buf *input(struct h1_conn *c)
{
    return buf_used(&c->in) > 0 ? &c->in : &c->stream->body_buf;
}

static enum pull take_length(struct h1_conn *c, struct buf *b, struct chain *out, size_t max)
{
    struct h1_stream *s = c->stream;
    size_t n = MIN(MIN(buf_used(b), max), s->body_left);

    chain_add(out, b->pos, n);
    b->pos += n;
    s->body_left -= n;
    s->body_done = s->body_left == 0;
    return s->body_done ? PULL_END : PULL_MORE;
}

/* At most `max` bytes of it, so that no more payload can come out. */
static enum pull take_chunked(struct h1_conn *c, struct buf *b, struct chain *out, size_t max)
{
    struct h1_stream *s = c->stream;
    struct str in = {b->pos, MIN(buf_used(b), max)}, data;
    const char *end = in.data + in.len;
    size_t before = out->bytes;

    for (;;) {
        switch (h1_chunk_next(&s->chunk, &in, &data)) {
        case H1_CHUNK_DATA:
            chain_pack(out, b->start, data.data, data.len);
            continue;
        case H1_CHUNK_MORE:
            b->pos += end - b->pos;
            return out->bytes == before ? PULL_WAIT : PULL_MORE;
        case H1_CHUNK_DONE:
            b->pos += end - b->pos - (ssize_t)in.len;
            s->body_done = true;
            return PULL_END;
        case H1_CHUNK_BAD:
            return fail(c, h1_chunk_fault(&s->chunk));
        }
    }
}

/* One read into the body's buffer, which holds nothing unread. PULL_MORE: there are bytes. */
static enum pull read_more(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct buf *b = &s->body_buf;
    size_t room;
    ssize_t n;

    if (b->start == NULL)
        buf_take(b, BODY_READ);
    b->pos = b->last = b->start;
    room = s->heads->in.chunked ? buf_room(b) : MIN(buf_room(b), s->body_left + READ_PAST);
    n = conn_recv(&c->conn, b->last, room);
    if (n > 0) {
        b->last += n;
        s->r.head_bytes += s->heads->in.chunked ? n : (ssize_t)MIN((uint64_t)n, s->body_left);
        return PULL_MORE;
    }
    if (n == CONN_AGAIN)
        return PULL_WAIT;
    c->conn.ev.hangup = true;
    return fail(c, n == CONN_EOF ? "prematurely closed connection" : NULL);
}

static void send_continue(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    s->continue_sent = true;
    if (s->heads->in.expect_continue && buf_used(input(c)) == 0 && !s->begun)
        h1_send_early(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct h1_conn *c = owner_of(source);
    struct h1_stream *s = c->stream;
    enum pull result;

    if (s->body_done)
        return PULL_END;
    if (s->body_bad)
        return PULL_ERROR;
    if (!s->continue_sent)
        send_continue(c);
    for (;;) {
        if (buf_used(input(c)) == 0 && (result = read_more(c)) != PULL_MORE)
            break;
        result = s->heads->in.chunked ? take_chunked(c, input(c), out, max)
                               : take_length(c, input(c), out, max);
        if (result != PULL_WAIT)
            break;
    }
    if (result == PULL_WAIT)
        timer_set(&s->body_timer, HTTP_CORE(&s->r)->client_body_timeout_ms);
    else
        timer_cancel(&s->body_timer);
    return result;
}

static void close_body(struct source *source)
{
    timer_cancel(&CONTAINER(source, struct h1_stream, body)->body_timer);
    source->waiter = NULL;
}

static const struct source_ops body_ops = {.name = "h1 body", .pull = pull, .close = close_body};

static void on_body_timeout(struct timer *timer)
{
    struct h1_stream *s = CONTAINER(timer, struct h1_stream, body_timer);

    if (s->body.waiter == NULL) /* its reader has lost interest */
        return;
    s->body_bad = true;
    body_timed_out(&s->r);
    s->owner->keep = false;
    s->owner->timed_out = true;
    source_wake(&s->body);
    post_now(&s->owner->conn.post);
}

void h1_body_init(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    const struct h1_head *in = &s->heads->in;

    s->body = (struct source){.ops = &body_ops, .length = in->content_length, .file_ok = true};
    s->body_left = in->content_length > 0 ? (uint64_t)in->content_length : 0;
    s->body_done = !in->chunked && s->body_left == 0;
    c->posts = in->chunked || (s->body_left > 0 && s->body_left < H1_READ_AHEAD);
    s->body_bad = s->continue_sent = s->body_used = false;
    s->r.head_bytes += (int64_t)(in->chunked ? buf_used(&c->in)
                                             : MIN(buf_used(&c->in), s->body_left));
    s->body_timer = (struct timer){.on_timer = on_body_timeout};
    if (in->chunked)
        h1_chunk_init(&s->chunk, NULL, request_pool(&s->r), TRAILER_MOST, false);
}

static void keep_trailers(struct h1_stream *s)
{
    struct h1_limits limits;

    intake_limits(HTTP_CORE(&s->r), &limits);
    h1_chunk_keep(&s->chunk, &s->r.body->trailers, MIN(limits.head_bytes, TRAILER_MOST),
                  limits.fields);
}

struct source *h1_body_source(struct request *r)
{
    struct h1_stream *s = CONTAINER(r, struct h1_stream, r);

    if (s->body_done || s->body_used)
        return NULL;
    s->body_used = true;
    if (s->heads->in.chunked)
        keep_trailers(s);
    return &s->body;
}

enum rc h1_body_skip(struct h1_conn *c)
{
    struct chain dropped;
    enum pull result;
    size_t bytes = 0;

    c->stream->continue_sent = true;
    c->stream->body.waiter = NULL;
    h1_chunk_keep(&c->stream->chunk, NULL, TRAILER_MOST, 0); /* the request may be over */
    chain_init(&dropped);
    do {
        result = pull(&c->stream->body, &dropped, SIZE_MAX);
        bytes += dropped.bytes;
        chain_clear(&dropped);
    } while (result == PULL_MORE && bytes < TURN_SKIP);
    chain_fini(&dropped);
    if (result == PULL_MORE)
        post_turn_end(&c->conn.post);
    return result == PULL_END ? RC_OK : result == PULL_ERROR ? RC_ERROR : RC_AGAIN;
}

void h1_body_end(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;

    timer_cancel(&s->body_timer);
    if (buf_used(&s->body_buf) > 0) {
        must(buf_used(&c->in) == 0);
        buf_give(&c->in);
        c->in = s->body_buf;
        s->body_buf = (struct buf){NULL, NULL, NULL, NULL};
    } else {
        buf_give(&s->body_buf);
    }
}
