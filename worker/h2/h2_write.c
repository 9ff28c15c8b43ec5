/*
 * worker/h2/h2_write.c - a response as HTTP/2 carries it (RFC 9113, 8.3.2): fields for the library
 * to compress, and the body in frames that are written from where the source has it.
 */
#include "common/clock.h"
#include "common/fmt.h"
#include "worker/codec/http_date.h"
#include "worker/h2/h2_conn.h"
#include "worker/h2/h2_fields.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"

#define PULL_BYTES (256 * 1024)  /* of a body at once, for one stream */
#define OWN_FIELDS 12           /* those that do not stand in out.fields */

/* Heads ---------------------------------------------------------------------------------------- */

static void add_status(struct h2_fields *h, int status)
{
    if (likely(status == 200))
        h2_fields_add(h, STR(":status"), STR("200"));
    else
        h2_fields_add_number(h, STR(":status"), (uint64_t)status);
}

static void add_type(struct h2_fields *h, const struct response *out)
{
    struct str name = STR("content-type");

    if (out->type.len == 0)
        return;
    if (out->charset.len == 0)
        h2_fields_add(h, name, field_safe_value(h->pool, out->type));
    else
        h2_fields_add(h, name, field_safe_value(h->pool,
                                      pool_printf(h->pool, "%" STR_FMT "; charset=%" STR_FMT,
                                                  STR_ARG(out->type), STR_ARG(out->charset))));
}

/* The clock's text changes under us; a frame may have to wait for its turn. */
static struct str date_now(struct pool *pool)
{
    struct str now = clock_http();
    char *text = pool_bytes(pool, now.len);

    memcpy(text, now.data, now.len);
    return (struct str){text, now.len};
}

static void add_own(struct h2_fields *h, struct request *r)
{
    const struct response *out = &r->out;
    struct str server = out->no_server ? STR_NONE : http_core_signature(r);

    if (server.len > 0 && !fields_has(out->fields, FIELD_SERVER))
        h2_fields_add(h, STR("server"), server);
    if (!out->no_date && !fields_has(out->fields, FIELD_DATE))
        h2_fields_add(h, STR("date"), date_now(h->pool));
}

static void add_representation(struct h2_fields *h, const struct response *out)
{
    if (out->has_last_modified) {
        char *text = pool_bytes(h->pool, 32);

        h2_fields_add(h, STR("last-modified"),
                      str_range(text, http_date_print(text, out->last_modified)));
    }
    if (out->location.data != NULL)
        h2_fields_add(h, STR("location"), field_safe_value(h->pool, out->location));
    if (out->encoding.len > 0)
        h2_fields_add(h, STR("content-encoding"), out->encoding);
    if (out->etag.len > 0)
        h2_fields_add(h, STR("etag"), out->etag);
    if (out->accept_ranges && out->status == 200)
        h2_fields_add(h, STR("accept-ranges"), STR("bytes"));
}

static bool shows_length(const struct response *out)
{
    return out->length >= 0 && out->status >= 200 && out->status != 204;
}

static void write_fields(struct h2_fields *h, struct request *r)
{
    const struct response *out = &r->out;

    add_status(h, out->status);
    add_own(h, r);
    add_type(h, out);
    if (shows_length(out))
        h2_fields_add_number(h, STR("content-length"), (uint64_t)out->length);
    add_representation(h, out);
    h2_fields_add_all(h, out->fields);
}

bool h2_write_head(struct h2_stream *s)
{
    struct request *r = &s->r;
    struct h2_fields h;
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = h2_read_body};

    h2_fields_init(&h, request_pool(r), r->out.fields->count + OWN_FIELDS, true);
    write_fields(&h, r);
    r->log.doing = "sending to client";
    s->submitted = true;
    s->left_out = r->out.length;
    if (!output_has_body(r) || r->out.body == NULL) {
        s->body_ended = true;
        s->left_out = 0;
    }
    return nghttp2_submit_response(s->owner->session, s->id, h.first, h2_fields_count(&h),
                                   s->body_ended && r->out.trailers == NULL ? NULL : &body) == 0;
}

bool h2_write_interim(struct h2_stream *s, int status, const struct http_fields *fields)
{
    struct pool *pool = request_pool(&s->r);
    struct h2_fields h;

    h2_fields_init(&h, pool, (fields == NULL ? 0 : fields->count) + 1, true);
    add_status(&h, status);
    if (fields != NULL)
        h2_fields_add_all(&h, fields);
    post_now(&s->owner->conn.post);
    return nghttp2_submit_headers(s->owner->session, NGHTTP2_FLAG_NONE, s->id, NULL,
                                  h.first, h2_fields_count(&h), NULL) == 0;
}

/* Bodies --------------------------------------------------------------------------------------- */

/* Asks the source for more; it must give what the head promised and no more. */
static enum pull pull_body(struct h2_stream *s)
{
    enum pull result;

    s->r.out.body->waiter = &s->post;
    result = source_pull(s->r.out.body, &s->pending, PULL_BYTES);
    if (s->left_out >= 0) {
        if ((int64_t)s->pending.bytes > s->left_out)
            return PULL_ERROR;
        s->left_out -= (int64_t)s->pending.bytes;
    }
    if (result == PULL_END && s->left_out > 0)
        return PULL_ERROR;
    s->body_ended = result == PULL_END;
    return result;
}

/* Trailer fields end the stream in place of the last data frame. */
static uint32_t end_flags(struct h2_stream *s)
{
    const struct http_fields *trailers = s->r.out.trailers;
    struct h2_fields h;

    if (trailers == NULL || trailers->count == 0)
        return NGHTTP2_DATA_FLAG_EOF;
    h2_fields_init(&h, request_pool(&s->r), trailers->count, true);
    h2_fields_add_all(&h, trailers);
    if (h.at == h.first || nghttp2_submit_trailer(s->owner->session, s->id, h.first,
                                                  h2_fields_count(&h)) != 0)
        return NGHTTP2_DATA_FLAG_EOF;
    return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

/* Pieces that a source gave last are good until it is asked again: not before they are written.
   Until then nobody else has a turn: streams keep their order (RFC 9218). */
ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *unused, size_t room,
                     uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_stream *s = source->ptr;
    size_t n;

    if (s->r.send_failed)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (s->pending.bytes == 0 && !s->body_ended) {
        if (s->in_flight)
            return NGHTTP2_ERR_PAUSE;
        if (pull_body(s) == PULL_ERROR) {
            s->r.send_failed = true;
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        if (s->pending.bytes == 0 && !s->body_ended) {
            s->starved = true;
            timer_cancel(&s->timer);
            return NGHTTP2_ERR_DEFERRED;
        }
    }
    n = MIN(MIN(s->pending.bytes, room), (size_t)s->owner->h2->chunk_bytes);
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->body_ended && n == s->pending.bytes)
        *flags |= end_flags(s);
    return (ssize_t)n;
}

static void move_some(struct chain *to, struct chain *from, size_t n)
{
    if (n == from->bytes) {
        chain_move(to, from);
        return;
    }
    while (n > 0) {
        struct piece *p = chain_head(from);
        size_t len = MIN(n, p->len);

        if (p->kind == PIECE_MEMORY)
            chain_add(to, p->data, len);
        else if (p->kind == PIECE_FILE)
            chain_add_file(to, p->fd, p->offset, len);
        else
            chain_add_pipe(to, p->fd, len);
        chain_consume(from, len);
        n -= len;
    }
}

int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t bytes,
                 nghttp2_data_source *source, void *user)
{
    struct h2_stream *s = source->ptr;
    struct h2_conn *c = s->owner;

    if (buf_room(&c->frames) < H2_FRAME_HEAD) {
        c->full = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    memcpy(c->frames.last, head, H2_FRAME_HEAD);
    chain_add(&c->out, c->frames.last, H2_FRAME_HEAD);
    c->frames.last += H2_FRAME_HEAD;
    move_some(&c->out, &s->pending, bytes);
    s->r.head_sent += H2_FRAME_HEAD;
    s->r.body_sent += bytes;
    h2_flood_earn(&c->flood);
    if (bytes > 0) {
        s->in_flight = true;
        if (!link_in_list(&s->turn))
            list_append(&c->written, &s->turn);
    }
    if (timer_is_set(&s->timer))
        timer_set(&s->timer, HTTP_CORE(&s->r)->send_timeout_ms);
    return 0;
}
