/*
 * worker/h2/h2_call.c - one request on a connection to an origin, as an exchange: a stream.
 *
 * What comes is copied out of the connection's reads, so that they never wait for anybody; what
 * goes is copied into a small buffer, so that a source may be asked again before the window opens.
 */
#include "common/clock.h"
#include "worker/h2/h2_client_conn.h"

#define OUT_BYTES      (32 * 1024) /* of a body that waits for frames */
#define IN_FIRST_BYTES 4096
#define FIELD_BYTES    4           /* ": " and a line end, as HTTP/1 would have them */
#define FRAME_HEAD     9           /* RFC 9113, 4.1 */
#define SILENT_MS      2000        /* a call given up so long after the origin owed a word */

static struct h2_call *call_of(const struct exchange *x)
{
    return (struct h2_call *)(uintptr_t)x; /* its first member */
}

static void tell(struct h2_call *call)
{
    call->x.conn.ev.readable = true;
    if (call->x.user != NULL)
        post_now(call->x.user);
}

/* Beginning and end ---------------------------------------------------------------------------- */

struct h2_call *h2_call_open(struct h2_client *c)
{
    struct h2_call *call = conn_alloc(sizeof(*call));

    exchange_init_part(&call->x, c->whole, &h2_call_io);
    call->owner = c;
    call->last_hint = &call->hints;
    list_append(&c->calls, &call->link);
    return call;
}

bool h2_call_begin(struct exchange *x, const struct h2_question *question)
{
    struct h2_call *call = call_of(x);
    nghttp2_data_provider body = {.read_callback = h2_call_read_body};
    const struct h2_fields *fields = question->fields;

    call->question = *question;
    call->x.conn.ev.writable = true;
    call->body_over = !question->has_body;
    if (call->owner != NULL)
        call->id = nghttp2_submit_request(call->owner->session, NULL, fields->first,
                                          h2_fields_count(fields),
                                          question->has_body ? &body : NULL, call);
    if (call->owner == NULL || call->id < 0) {
        call->id = 0;
        call->fate = H2_FATE_PASSED;
        tell(call);
        return false;
    }
    call->alive = true;
    if (call->owner->heard_ms >= call->owner->asked_ms)
        call->owner->asked_ms = clock_mono_ms;
    h2_client_flush(call->owner);
    return true;
}

void h2_call_end(struct exchange *x, const struct h2_fields *trailers)
{
    struct h2_call *call = call_of(x);

    if (call->body_over)
        return;
    call->body_over = true;
    call->trailers = trailers;
    if (!call->alive)
        return;
    if (call->deferred) {
        call->deferred = false;
        nghttp2_session_resume_data(call->owner->session, call->id);
    }
    h2_client_flush(call->owner);
}

/* A stream that its origin still has is reset; one that never left is forgotten. */
static void reset(struct h2_call *call)
{
    nghttp2_session *session = call->owner->session;

    nghttp2_session_set_stream_user_data(session, call->id, NULL);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL);
    h2_client_flush(call->owner);
}

/* The connection may be a dead one that nobody told us of. Calls with short timeouts count
   together: each on its own would leave it to the next. */
static bool was_in_silence(const struct h2_call *call)
{
    const struct h2_client *c = call->owner;

    return call->fate == H2_FATE_OPEN && c->heard_ms <= c->asked_ms &&
           clock_mono_ms - c->asked_ms >= SILENT_MS;
}

void h2_call_close(struct exchange *x)
{
    struct h2_call *call = call_of(x);

    if (call->owner != NULL) {
        if (call->alive && was_in_silence(call))
            call->owner->leaving = true;
        if (call->alive)
            reset(call);
        h2_client_done(call->owner, call);
    }
    timer_cancel(&x->conn.timer);
    post_cancel(&x->conn.post);
    buf_give(&call->in);
    buf_give(&call->out);
    conn_collect(call, sizeof(*call));
}

/* The answer ----------------------------------------------------------------------------------- */

static struct http_fields *filling(struct h2_call *call)
{
    return call->status == 0 ? call->question.head : call->question.trailers;
}

void h2_call_head_begins(struct h2_call *call)
{
    call->block_bytes = 0;
    call->interim_status = 0;
    fields_init(filling(call), call->question.pool);
}

static struct str copy(struct pool *pool, struct str text)
{
    char *memory = pool_bytes(pool, text.len);

    memcpy(memory, text.data, text.len);
    return (struct str){memory, text.len};
}

/* The library has checked that it is three digits. */
static void take_status(struct h2_call *call, struct str value)
{
    int64_t status = 0;

    str_to_int(value, &status);
    call->interim_status = (uint16_t)status;
}

bool h2_call_field(struct h2_call *call, struct str name, struct str value)
{
    struct pool *pool = call->question.pool;
    enum field_id id;

    call->block_bytes += name.len + value.len + FIELD_BYTES;
    call->head_bytes += name.len + value.len + FIELD_BYTES;
    if (call->block_bytes > call->question.head_max_bytes) {
        call->fate = H2_FATE_TOO_BIG;
        tell(call);
        return false;
    }
    if (name.len > 0 && name.data[0] == ':') {
        take_status(call, value);
        return true;
    }
    id = field_find_id(name);
    name = id == FIELD_OTHER ? copy(pool, name) : field_name(id);
    return fields_add(filling(call), name, copy(pool, value), (uint8_t)id) != NULL;
}

/* RFC 8297: hints are kept until somebody looks, the rest of 1xx says nothing. */
static void take_interim(struct h2_call *call)
{
    struct h2_hint *hint;

    call->interims++;
    if (call->interim_status != 103)
        return;
    hint = pool_alloc(call->question.pool, sizeof(*hint));
    hint->next = NULL;
    fields_init(&hint->fields, call->question.pool);
    EACH_FIELD (f, call->question.head)
        fields_add(&hint->fields, f->name, f->value, f->id);
    *call->last_hint = hint;
    call->last_hint = &hint->next;
}

void h2_call_head_ends(struct h2_call *call)
{
    if (call->status == 0 && call->interim_status < 200)
        take_interim(call);
    else if (call->status == 0)
        call->status = call->interim_status;
    tell(call);
}

static void grow(struct buf *b, size_t more)
{
    size_t size = (size_t)(b->end - b->start);

    if (b->start == NULL) {
        buf_take(b, MAX(more, IN_FIRST_BYTES));
        return;
    }
    if (b->pos > b->start)
        buf_compact(b);
    if (buf_room(b) < more)
        buf_grow(b, MAX(size * 2, buf_used(b) + more));
}

/* The window bounds it. */
void h2_call_data(struct h2_call *call, struct str data)
{
    struct buf *b = &call->in;

    if (buf_room(b) < data.len)
        grow(b, data.len);
    memcpy(b->last, data.data, data.len);
    b->last += data.len;
    tell(call);
}

void h2_call_answered(struct h2_call *call)
{
    if (call->fate == H2_FATE_OPEN)
        call->fate = H2_FATE_ENDED;
    tell(call);
}

void h2_call_closed(struct h2_call *call, enum h2_fate fate, uint32_t error)
{
    call->alive = false;
    if (call->fate == H2_FATE_OPEN) {
        call->fate = (uint8_t)(call->head_sent ? fate : H2_FATE_PASSED);
        call->error = error;
    }
    call->x.conn.ev.writable = true; /* a write says that it is over */
    tell(call);
}

/* As a connection ------------------------------------------------------------------------------ */

/* What was read may come again. */
static void consumed(struct h2_call *call, size_t bytes)
{
    nghttp2_session *session;

    if (!call->alive || call->fate == H2_FATE_ENDED)
        return;
    session = call->owner->session;
    nghttp2_session_consume_stream(session, call->id, bytes);
    if (nghttp2_session_want_write(session))
        h2_client_flush(call->owner);
}

static ssize_t nothing_left(struct h2_call *call)
{
    switch (call->fate) {
    case H2_FATE_OPEN:
        call->x.conn.ev.readable = false;
        return CONN_AGAIN;
    case H2_FATE_ENDED:
        return CONN_EOF;
    case H2_FATE_RESET:
    case H2_FATE_REFUSED:
    case H2_FATE_PASSED:
        log_error(&call->x.conn.log, LOG_ERROR, 0, "upstream reset the stream: %s",
                  nghttp2_http2_strerror(call->error));
        return CONN_ERROR;
    case H2_FATE_TOO_BIG:
        log_error(&call->x.conn.log, LOG_ERROR, 0, "upstream sent too big trailers");
        return CONN_ERROR;
    default:
        log_error(&call->x.conn.log, LOG_ERROR, 0, "upstream prematurely closed connection");
        return CONN_ERROR;
    }
}

static ssize_t receive(struct conn *conn, void *into, size_t room)
{
    struct h2_call *call = CONTAINER(conn, struct h2_call, x.conn);
    struct buf *b = &call->in;
    size_t n = MIN(buf_used(b), room);

    if (n == 0)
        return nothing_left(call);
    memcpy(into, b->pos, n);
    b->pos += n;
    if (b->pos == b->last) {
        buf_give(b);
        if (call->fate == H2_FATE_OPEN)
            conn->ev.readable = false;
    }
    consumed(call, n);
    return (ssize_t)n;
}

static enum rc send_some(struct conn *conn, struct chain *out, size_t max)
{
    struct h2_call *call = CONTAINER(conn, struct h2_call, x.conn);
    struct buf *b = &call->out;

    if (!call->alive)
        return RC_ERROR;
    if (b->start == NULL)
        buf_take(b, MIN(MAX(out->bytes, IN_FIRST_BYTES), OUT_BYTES));
    else if (buf_used(b) + out->bytes > (size_t)(b->end - b->start))
        grow(b, MIN(out->bytes, OUT_BYTES - MIN(buf_used(b), OUT_BYTES)));
    else if (buf_room(b) < out->bytes)
        buf_compact(b);
    while (!chain_empty(out) && buf_room(b) > 0 && max > 0) {
        struct piece *p = chain_head(out);
        size_t n = MIN(MIN(p->len, buf_room(b)), max);

        must(p->kind == PIECE_MEMORY);
        memcpy(b->last, p->data, n);
        b->last += n;
        max -= n;
        conn->sent += n;
        chain_consume(out, n);
    }
    if (call->deferred && buf_used(b) > 0) {
        call->deferred = false;
        nghttp2_session_resume_data(call->owner->session, call->id);
    }
    h2_client_flush(call->owner);
    if (chain_empty(out) || max == 0)
        return RC_OK;
    conn->ev.writable = false;
    return RC_AGAIN;
}

static void shut(struct conn *conn)
{
    h2_call_end(&CONTAINER(conn, struct h2_call, x.conn)->x, NULL);
}

const struct conn_io h2_call_io = {.recv = receive, .send = send_some, .shutdown = shut};

/* The library asks for the body ---------------------------------------------------------------- */

/* Trailer fields end the stream in place of the last data frame. */
static uint32_t end_flags(struct h2_call *call)
{
    const struct h2_fields *trailers = call->trailers;

    if (likely(trailers == NULL) ||
        nghttp2_submit_trailer(call->owner->session, call->id, trailers->first,
                               h2_fields_count(trailers)) != 0)
        return NGHTTP2_DATA_FLAG_EOF;
    return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

ssize_t h2_call_read_body(nghttp2_session *session, int32_t id, uint8_t *unused, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, id);
    size_t n;

    if (call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    n = MIN(buf_used(&call->out), room);
    if (n == 0 && !call->body_over) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (call->body_over && n == buf_used(&call->out))
        *flags |= end_flags(call);
    return (ssize_t)n;
}

int h2_call_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                      size_t bytes, nghttp2_data_source *source, void *user)
{
    struct h2_client *c = user;
    struct h2_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct exchange *x;

    if (call == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (buf_room(&c->out) < FRAME_HEAD + bytes) {
        c->full = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    memcpy(c->out.last, head, FRAME_HEAD);
    c->out.last += FRAME_HEAD;
    if (bytes > 0) {
        memcpy(c->out.last, call->out.pos, bytes);
        c->out.last += bytes;
        call->out.pos += bytes;
    }
    h2_flood_earn(&c->flood);
    if (call->out.pos == call->out.last)
        buf_give(&call->out);
    x = &call->x;
    if (!x->conn.ev.writable) {
        x->conn.ev.writable = true;
        if (x->user != NULL)
            post_now(x->user);
    }
    return 0;
}

/* For who asked -------------------------------------------------------------------------------- */

int h2_call_status(const struct exchange *x)
{
    return call_of(x)->status;
}

const struct http_fields *h2_call_hint(struct exchange *x)
{
    struct h2_call *call = call_of(x);
    struct h2_hint *hint = call->hints;

    if (hint == NULL)
        return NULL;
    call->hints = hint->next;
    if (call->hints == NULL)
        call->last_hint = &call->hints;
    return &hint->fields;
}

uint32_t h2_call_interims(const struct exchange *x)
{
    return call_of(x)->interims;
}

enum h2_fate h2_call_fate(const struct exchange *x)
{
    return (enum h2_fate)call_of(x)->fate;
}

uint32_t h2_call_error(const struct exchange *x)
{
    return call_of(x)->error;
}

const char *h2_call_error_name(const struct exchange *x)
{
    return nghttp2_http2_strerror(call_of(x)->error);
}

bool h2_call_is_over(const struct exchange *x)
{
    const struct h2_call *call = call_of(x);

    return call->fate == H2_FATE_ENDED && buf_used(&call->in) == 0;
}

size_t h2_call_head_bytes(const struct exchange *x)
{
    return call_of(x)->head_bytes;
}

