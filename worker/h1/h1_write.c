/*
 * worker/h1/h1_write.c - the head of a response as HTTP/1.1 writes it (RFC 9112, 4 and 6).
 */
#include "common/clock.h"
#include "common/fmt.h"
#include "worker/codec/http_date.h"
#include "worker/h1/h1_conn.h"
#include "worker/http/error_page.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"

/* Room for every line whose size does not depend on the response. */
#define FIXED_ROOM 384

static size_t room_needed(const struct response *out, struct str server)
{
    size_t room = FIXED_ROOM + out->reason.len + server.len + out->type.len +
                  out->charset.len + out->location.len + out->etag.len + out->encoding.len;

    EACH_FIELD (f, out->fields)
        room += f->name.len + f->value.len + 4;
    return room;
}

static char *status_line(char *p, const struct response *out)
{
    struct str reason = out->reason;

    if (likely(out->status == 200 && reason.len == 0))
        return FMT_LIT(p, "HTTP/1.1 200 OK\r\n");
    if (reason.data == NULL)
        reason = error_page_reason(out->status);
    p = FMT_LIT(p, "HTTP/1.1 ");
    p = fmt_uint(p, out->status);
    *p++ = ' ';
    if (reason.len > 0)
        p = fmt_str(p, reason);
    return FMT_LIT(p, "\r\n");
}

/* A value made of a decoded URI may hold line ends, which would begin fields, or a body, of the
   client's choice (RFC 9110, 5.5). */
static char *value(char *p, struct str text)
{
    char *end = fmt_str(p, text);

    if (likely(memchr(p, '\n', text.len) == NULL && memchr(p, '\r', text.len) == NULL))
        return end;
    for (; p < end; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    return end;
}

static char *type_line(char *p, const struct response *out)
{
    p = FMT_LIT(p, "Content-Type: ");
    p = value(p, out->type);
    if (out->charset.len > 0) {
        p = FMT_LIT(p, "; charset=");
        p = value(p, out->charset);
    }
    return FMT_LIT(p, "\r\n");
}

/* Settles how the body's end is shown (RFC 9112, 6.3), and prints it. */
static char *framing_lines(char *p, struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct request *r = &s->r;
    struct response *out = &r->out;

    s->chunk_out = false;
    s->left_out = out->length;
    if (out->upgraded || out->status < 200 || out->status == 204 ||
        (out->status == 304 && out->length < 0))
        return p;
    if (out->length >= 0) {
        p = FMT_LIT(p, "Content-Length: ");
        p = fmt_uint(p, (uint64_t)out->length);
        return FMT_LIT(p, "\r\n");
    }
    if (r->header_only)
        return p; /* there is no end to show */
    if (r->version >= 11 && HTTP_CORE(r)->chunked) {
        s->chunk_out = true;
        return FMT_LIT(p, "Transfer-Encoding: chunked\r\n");
    }
    c->keep = false;
    return p;
}

static char *connection_lines(char *p, const struct h1_conn *c)
{
    const struct http_core_conf *conf = HTTP_CORE(&c->stream->r);

    if (c->stream->r.out.upgraded)
        return c->stream->r.out.status == 101 ? FMT_LIT(p, "Connection: upgrade\r\n") : p;
    if (!c->keep)
        return FMT_LIT(p, "Connection: close\r\n");
    p = FMT_LIT(p, "Connection: keep-alive\r\n");
    if (conf->keepalive_header_s > 0) {
        p = FMT_LIT(p, "Keep-Alive: timeout=");
        p = fmt_uint(p, (uint64_t)conf->keepalive_header_s);
        p = FMT_LIT(p, "\r\n");
    }
    return p;
}

static char *own_lines(char *p, const struct response *out, struct str server)
{
    if (server.len > 0 && !fields_has(out->fields, FIELD_SERVER)) {
        p = FMT_LIT(p, "Server: ");
        p = fmt_str(p, server);
        p = FMT_LIT(p, "\r\n");
    }
    if (!out->no_date && !fields_has(out->fields, FIELD_DATE)) {
        p = FMT_LIT(p, "Date: ");
        p = fmt_str(p, clock_http());
        p = FMT_LIT(p, "\r\n");
    }
    return p;
}

static char *representation_lines(char *p, const struct response *out)
{
    if (out->has_last_modified) {
        p = FMT_LIT(p, "Last-Modified: ");
        p = http_date_print(p, out->last_modified);
        p = FMT_LIT(p, "\r\n");
    }
    if (out->location.data != NULL) {
        p = FMT_LIT(p, "Location: ");
        p = value(p, out->location);
        p = FMT_LIT(p, "\r\n");
    }
    return p;
}

static char *other_lines(char *p, const struct response *out)
{
    EACH_FIELD (f, out->fields) {
        if (f->flags & FIELD_DELETED)
            continue;
        p = fmt_str(p, f->name);
        p = FMT_LIT(p, ": ");
        p = value(p, f->value);
        p = FMT_LIT(p, "\r\n");
    }
    if (out->encoding.len > 0) {
        p = FMT_LIT(p, "Content-Encoding: ");
        p = fmt_str(p, out->encoding);
        p = FMT_LIT(p, "\r\n");
    }
    if (out->etag.len > 0) {
        p = FMT_LIT(p, "ETag: ");
        p = fmt_str(p, out->etag);
        p = FMT_LIT(p, "\r\n");
    }
    if (out->accept_ranges && out->status == 200)
        p = FMT_LIT(p, "Accept-Ranges: bytes\r\n");
    return p;
}

void h1_write_head(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    struct request *r = &s->r;
    struct response *out = &r->out;
    struct str server = out->no_server ? STR_NONE : http_core_signature(r);
    size_t room = room_needed(out, server);
    char *p;

    if (s->head.start != NULL && (size_t)(s->head.end - s->head.start) < room)
        buf_give(&s->head);
    if (s->head.start == NULL)
        buf_take(&s->head, room);
    p = status_line(s->head.start, out);
    p = own_lines(p, out, server);
    if (out->type.len > 0)
        p = type_line(p, out);
    p = framing_lines(p, c);
    p = representation_lines(p, out);
    p = connection_lines(p, c);
    p = other_lines(p, out);
    p = FMT_LIT(p, "\r\n");
    must(p <= s->head.end);
    chain_add(&s->out, s->head.start, (size_t)(p - s->head.start));
}

void h1_write_last(struct h1_conn *c)
{
    struct h1_stream *s = c->stream;
    const struct http_fields *trailers = s->r.out.trailers;

    if (trailers == NULL || trailers->count == 0) {
        chain_add(&s->out, H1_CHUNK_LAST, sizeof(H1_CHUNK_LAST) - 1);
        return;
    }
    chain_add(&s->out, H1_CHUNK_ZERO, sizeof(H1_CHUNK_ZERO) - 1);
    EACH_FIELD (f, trailers) {
        chain_add(&s->out, f->name.data, f->name.len);
        chain_add(&s->out, ": ", 2);
        chain_add(&s->out, f->value.data, f->value.len);
        chain_add(&s->out, "\r\n", 2);
    }
    chain_add(&s->out, "\r\n", 2);
}

bool h1_is_cut(const struct h1_conn *c)
{
    const struct h1_stream *s = c->stream;

    return s != NULL && s->begun && s->r.head_sent + s->r.body_sent > 0 && !s->r.out.upgraded &&
           s->left_out < 0 && !s->chunk_out && (!s->body_ended || !chain_empty(&s->out));
}
