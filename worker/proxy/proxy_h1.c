/*
 * worker/proxy/proxy_h1.c - HTTP/1 towards origins: the request's head, the answer's framing.
 */
#include "common/fmt.h"
#include "worker/codec/escape.h"
#include "worker/codec/field.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/proxy_trailers.h"
#include "worker/proxy/proxy_upgrade.h"
#include "worker/proxy/proxy_url.h"

#define INTERIM_MOST 64   /* interim answers before the final one */
#define FIELDS_MOST  4096

/* The request's head --------------------------------------------------------------------------- */

/* The path as it is sent to an origin whose proxy_pass says nothing of paths: as it came, if it is
   still that. */
static struct str own_uri(struct request *r)
{
    struct str path;

    if (r->uri_raw_ok && r == r->main)
        return r->target;
    path = escape(request_pool(r), r->uri, ESCAPE_URI);
    if (r->args.len == 0)
        return path;
    return pool_printf(request_pool(r), "%" STR_FMT "?%" STR_FMT, STR_ARG(path), STR_ARG(r->args));
}

static struct str mapped_uri(struct request *r, const struct proxy_pass *target)
{
    struct str name = target->location->name, rest = r->uri, prefix = target->uri;

    if (r->rewritten_inside)
        prefix = STR("");
    else
        rest = str_from(rest, MIN(name.len, rest.len));
    if (!r->uri_raw_ok || r->internal || r->uri_quoted)
        rest = escape(request_pool(r), rest, ESCAPE_URI);
    return pool_printf(request_pool(r), "%" STR_FMT "%" STR_FMT "%s%" STR_FMT, STR_ARG(prefix),
                       STR_ARG(rest), r->args.len > 0 ? "?" : "", STR_ARG(r->args));
}

/* Variables may have put into it what a client sent in percent codes: that stays one target. */
struct str proxy_request_uri(struct request *r, const struct proxy_pass *target)
{
    struct str uri = target->uri.len == 0   ? own_uri(r)
                     : target->url != NULL ? target->uri
                                           : mapped_uri(r, target);

    if (uri.data == r->target.data)
        return uri;
    return escape(request_pool(r), uri, ESCAPE_TARGET);
}

static bool in_chunks(const struct proxy_run *run)
{
    return run->send_length < 0 && run->streaming;
}

static struct str number_text(struct request *r, int64_t n)
{
    char *text;

    if (n < 0)
        return STR_NONE;
    text = pool_bytes(request_pool(r), 20);
    return str_range(text, fmt_uint(text, (uint64_t)n));
}

/* A subrequest cannot become a tunnel, nor can a stream of HTTP/2 but by extended CONNECT. */
static struct str configured_upgrade(struct proxy_run *run, const struct send_field *f,
                                     struct str value)
{
    if (!f->value->constant)
        value = proxy_upgrade_safe(run->r, value);
    if (run->r == run->r->main && (run->r->version <= 11 || run->r->extended_connect))
        run->upgrade = value;
    run->upgrade_by_config = true;
    return value;
}

/* Empty: the field is not sent. */
static struct str field_value(struct proxy_run *run, const struct send_field *f)
{
    struct str value;

    switch (f->kind) {
    case SEND_HOST:
        return run->target->host;
    case SEND_CONNECTION:
        return run->http->http_version == 10 ? STR("close") : STR_NONE;
    case SEND_LENGTH:
        return in_chunks(run) ? STR_NONE : number_text(run->r, run->send_length);
    case SEND_CODING:
        return in_chunks(run) ? STR("chunked") : STR_NONE;
    case SEND_TRAILERS:
        return STR_NONE;
    case SEND_TEMPLATE:
        break;
    }
    value = field_safe_value(request_pool(run->r), scope_eval(&run->r->scope, f->value));
    if (f->id == FIELD_UPGRADE)
        return configured_upgrade(run, f, value);
    if (f->id == FIELD_CONNECTION)
        run->close_asked = field_list_has(value, STR("close"));
    return value;
}

#define VALUES 32 /* more of them lie in the pool */

static bool is_replaced(const struct send_plan *plan, const struct http_field *f)
{
    return (f->flags & FIELD_DELETED) != 0 || name_set_has(&plan->replaced, f->name, f->id);
}

static size_t client_bytes(const struct proxy_run *run)
{
    size_t bytes = 0;

    if (run->conf->pass_headers)
        EACH_FIELD (f, run->r->fields)
            bytes += f->name.len + f->value.len + 4;
    return bytes;
}

static char *print_client_fields(char *p, const struct proxy_run *run)
{
    if (run->conf->pass_headers)
        EACH_FIELD (f, run->r->fields)
            if (!is_replaced(run->http->plan, f))
                p = field_print(p, f->name, f->value);
    return p;
}

/* In place of what is said of the connection otherwise. */
static char *print_upgrade(char *p, struct str protocols)
{
    p = field_print(p, STR("Upgrade"), protocols);
    return field_print(p, STR("Connection"), STR("upgrade"));
}

struct str proxy_method(struct proxy_run *run)
{
    struct str method = run->r->method_text;

    if (unlikely(run->http != NULL && run->http->method != NULL)) {
        method = scope_eval(&run->r->scope, run->http->method);
        run->method = (uint8_t)method_find(method);
    }
    run->head_only = str_eq(method, STR("HEAD"));
    return method;
}

static bool write_head(struct proxy_run *run)
{
    const struct send_plan *plan = run->http->plan;
    struct str method = proxy_method(run), upgrade = proxy_upgrade_wanted(run);
    struct str few[VALUES], *values = few;
    size_t room;
    char *p;

    run->upgrade = upgrade;
    run->upgrade_by_config = run->close_asked = false;
    run->send_length = proxy_send_length(run);
    run->uri = proxy_request_uri(run->r, run->target);
    if (plan->count > VALUES)
        values = pool_alloc(request_pool(run->r), plan->count * sizeof(*values));
    room = method.len + run->uri.len + upgrade.len + 64 + client_bytes(run);
    for (uint32_t i = 0; i < plan->count; i++) {
        values[i] = field_value(run, &plan->fields[i]);
        if (unlikely(upgrade.len > 0) && plan->fields[i].id == FIELD_CONNECTION)
            values[i] = STR_NONE;
        room += plan->fields[i].name.len + values[i].len + 4;
    }
    run->close_asked &= upgrade.len == 0;
    buf_give(&run->head);
    buf_take(&run->head, room);
    p = fmt_str(run->head.start, method);
    *p++ = ' ';
    p = fmt_str(p, run->uri);
    p = run->http->http_version == 10 ? FMT_LIT(p, " HTTP/1.0\r\n") : FMT_LIT(p, " HTTP/1.1\r\n");
    for (uint32_t i = 0; i < plan->count; i++)
        if (values[i].len > 0)
            p = field_print(p, plan->fields[i].name, values[i]);
    if (unlikely(upgrade.len > 0))
        p = print_upgrade(p, upgrade);
    p = print_client_fields(p, run);
    run->head.last = FMT_LIT(p, "\r\n");
    must(run->head.last <= run->head.end);
    if (run->send_length < 0 && !run->streaming)
        run->send_length = 0;
    return true;
}

static void end_chunks(struct proxy_run *run)
{
    struct str trailers = proxy_trailers_lines(run);

    if (likely(trailers.len == 0)) {
        chain_add(&run->out, H1_CHUNK_LAST, sizeof(H1_CHUNK_LAST) - 1);
        return;
    }
    chain_add(&run->out, H1_CHUNK_ZERO, sizeof(H1_CHUNK_ZERO) - 1);
    chain_add(&run->out, trailers.data, trailers.len);
    chain_add(&run->out, H1_CHUNK_END, 2);
}

static void frame(struct proxy_run *run, struct chain *data, bool last)
{
    char *end;

    if (run->send_length >= 0) {
        chain_move(&run->out, data);
        return;
    }
    if (data->bytes > 0) {
        end = h1_chunk_head(run->chunk_head, data->bytes);
        chain_add(&run->out, run->chunk_head, (size_t)(end - run->chunk_head));
        chain_move(&run->out, data);
        chain_add(&run->out, H1_CHUNK_END, 2);
    }
    if (last)
        end_chunks(run);
}

/* The answer ----------------------------------------------------------------------------------- */

void proxy_h1_expect(struct proxy_run *run, enum h1_kind kind)
{
    struct h1_limits limits = {
        .line_bytes = (uint32_t)run->conf->buffer_bytes,
        .head_bytes = (uint32_t)run->conf->buffer_bytes,
        .fields = FIELDS_MOST, .underscores = true,
    };

    h1_head_init(&run->answer, kind, &limits, request_pool(run->r));
}

enum head_result proxy_h1_bad_head(struct proxy_run *run)
{
    enum h1_fault fault = run->answer.fault;

    if (h1_fault_is_size(fault))
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent too big header");
    else if (fault == H1_FAULT_STATUS_LINE)
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent no valid HTTP/1.0 header");
    else
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent invalid header: %s",
                  h1_fault_text(fault));
    return h1_fault_is_size(fault) ? HEAD_TOO_BIG : HEAD_BAD;
}

/* What goes on behind a switch must be all that goes on: the request is over. */
static bool may_switch(const struct proxy_run *run)
{
    return run->sent_all &&
           proxy_upgrade_is_right(run->upgrade, run->upgrade_by_config, &run->answer.fields);
}

static enum head_result final_head(struct proxy_run *run)
{
    const struct h1_head *a = &run->answer;

    if (a->status == 101 && !may_switch(run)) {
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent invalid header: status 101 %s",
                  run->upgrade.len == 0 ? "without being asked"
                  : run->sent_all       ? "to another protocol than asked"
                                        : "before the request was sent");
        return HEAD_UNASKED;
    }
    run->body_kind = (uint8_t)h1_body_kind(a, run->head_only);
    run->left = a->content_length;
    if (run->body_kind == H1_BODY_CHUNKED) {
        struct http_fields *trailers = pool_alloc(request_pool(run->r), sizeof(*trailers));

        fields_init(trailers, request_pool(run->r));
        run->trailers = trailers;
        h1_chunk_init(&run->chunks, trailers, request_pool(run->r),
                      (uint32_t)run->conf->buffer_bytes, true);
    }
    run->reuse = a->keep_alive && !run->close_asked && run->body_kind != H1_BODY_CLOSE &&
                 run->http->http_version == 11;
    return HEAD_DONE;
}

static enum head_result read_head(struct proxy_run *run)
{
    struct buf *in = &run->relay.in;

    for (;;) {
        switch (h1_head_feed(&run->answer, in->pos, buf_used(in))) {
        case H1_MORE:
            return HEAD_MORE;
        case H1_DONE:
            break;
        default:
            return proxy_h1_bad_head(run);
        }
        in->pos += run->answer.bytes;
        if (run->answer.status >= 200 || run->answer.status == 101)
            return final_head(run);
        if (++run->interims > INTERIM_MOST) {
            log_error(&run->r->log, LOG_ERROR, 0, "upstream sent too many interim responses");
            return HEAD_BAD;
        }
        if (run->answer.status == 103)
            proxy_response_hints(run, &run->answer.fields);
        proxy_h1_expect(run, H1_RESPONSE);
    }
}

static void reset(struct proxy_run *run)
{
    run->relay.in.pos = run->relay.in.last = run->relay.in.start;
    run->interims = 0;
    run->trailers = NULL;
    proxy_h1_expect(run, H1_RESPONSE);
}

static enum decode_result take_length(struct proxy_run *run, struct buf *b, struct chain *out)
{
    size_t n = (size_t)MIN((int64_t)buf_used(b), run->left);

    chain_add(out, b->pos, n);
    b->pos += n;
    run->left -= (int64_t)n;
    return run->left == 0 ? DECODE_END : DECODE_MORE;
}

static enum decode_result take_chunks(struct proxy_run *run, struct buf *b, struct chain *out)
{
    struct str in = buf_str(b), data;

    for (;;) {
        switch (h1_chunk_next(&run->chunks, &in, &data)) {
        case H1_CHUNK_DATA:
            chain_pack(out, b->start, data.data, data.len);
            continue;
        case H1_CHUNK_MORE:
            b->pos = b->last;
            return DECODE_MORE;
        case H1_CHUNK_DONE:
            b->pos = b->last - in.len;
            return DECODE_END;
        case H1_CHUNK_BAD:
            return DECODE_BAD;
        }
    }
}

enum decode_result proxy_h1_decode(struct proxy_run *run, struct buf *b, struct chain *out)
{
    switch (run->body_kind) {
    case H1_BODY_LENGTH:
        return take_length(run, b, out);
    case H1_BODY_CHUNKED:
        return take_chunks(run, b, out);
    case H1_BODY_CLOSE:
        chain_add(out, b->pos, buf_used(b));
        b->pos = b->last;
        return DECODE_MORE;
    default:
        return DECODE_END;
    }
}

bool proxy_h1_may_end(const struct proxy_run *run)
{
    return run->body_kind == H1_BODY_CLOSE;
}

const struct proxy_codec proxy_h1 = {
    .name = "http", .index = &proxy_index, .http = true,
    .bad_body = "sent invalid chunked response", .target = proxy_url_target,
    .write_head = write_head, .frame = frame, .reset = reset, .read_head = read_head,
    .decode = proxy_h1_decode, .may_end = proxy_h1_may_end,
};
