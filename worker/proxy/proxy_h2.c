/*
 * worker/proxy/proxy_h2.c - HTTP/2 towards origins: a request's head as fields, an answer of which
 * the library has checked the framing.
 */
#include "worker/proxy/proxy_h2.h"

#include "common/fmt.h"
#include "worker/h2/h2_client.h"
#include "worker/proxy/proxy_trailers.h"
#include "worker/proxy/proxy_url.h"

#define INTERIM_MOST 64 /* interim answers before the final one */
#define FIELDS_MOST  4096
#define PSEUDO       4  /* :method, :scheme, :authority, :path */

/* The request's head --------------------------------------------------------------------------- */

static const struct proxy_conf *conf_of(const struct proxy_run *run)
{
    return (const struct proxy_conf *)(const void *)run->conf;
}

static struct str number_text(struct request *r, int64_t n)
{
    char *text;

    if (n < 0)
        return STR_NONE;
    text = pool_bytes(request_pool(r), 20);
    return str_range(text, fmt_uint(text, (uint64_t)n));
}

/* Of all there is to say in TE, the one word that HTTP/2 allows (RFC 9113, 8.2.2). */
static struct str client_te(const struct request *r)
{
    return field_list_has(fields_value(r->fields, FIELD_TE), STR("trailers")) ? STR("trailers")
                                                                              : STR_NONE;
}

/* Empty: the field is not sent. */
static struct str field_value(struct proxy_run *run, const struct send_field *f)
{
    switch (f->kind) {
    case SEND_HOST:
        return str_starts(run->target->host, STR("unix:")) ? STR("localhost") : run->target->host;
    case SEND_LENGTH: /* one that streams has none but the client's */
        return number_text(run->r, run->streaming ? run->r->content_length : run->send_length);
    case SEND_TRAILERS:
        return client_te(run->r);
    case SEND_TEMPLATE:
        return field_safe_value(request_pool(run->r), scope_eval(&run->r->scope, f->value));
    default:
        return STR_NONE;
    }
}

/* What describes a connection of HTTP/1 has no meaning here. */
static bool is_sendable(uint8_t id, struct str value)
{
    if (id == FIELD_TE)
        return str_eq_nocase(value, STR("trailers"));
    return !field_is_hop_by_hop(id);
}

static struct str lower_name(struct str name, uint8_t id)
{
    return id == FIELD_OTHER ? name : field_name((enum field_id)id);
}

static void add_planned(struct proxy_run *run, struct h2_fields *out)
{
    const struct send_plan *plan = conf_of(run)->plan;

    for (uint32_t i = 0; i < plan->count; i++) {
        const struct send_field *f = &plan->fields[i];
        struct str value = field_value(run, f);

        if (value.len == 0 || !is_sendable(f->id, value))
            continue;
        if (f->id == FIELD_HOST)
            h2_fields_add(out, STR(":authority"), value);
        else
            h2_fields_add_safe(out, lower_name(f->name, f->id), value);
    }
}

static void add_clients(struct proxy_run *run, struct h2_fields *out)
{
    const struct send_plan *plan = conf_of(run)->plan;
    bool announces = proxy_trailers_may_pass(run);

    if (!run->conf->pass_headers)
        return;
    EACH_FIELD (f, run->r->fields) {
        if ((f->flags & FIELD_DELETED) != 0 || name_set_has(&plan->replaced, f->name, f->id) ||
            (field_is_hop_by_hop(f->id) && !(f->id == FIELD_TRAILER && announces)))
            continue;
        h2_fields_add_safe(out, lower_name(f->name, f->id), f->value);
    }
}

/* RFC 9113, 8.3: pseudo fields come before all others. */
static void authority_first(struct h2_fields *out, nghttp2_nv *others)
{
    for (nghttp2_nv *at = others; at < out->at; at++) {
        nghttp2_nv authority = *at;

        if (at->name[0] != ':')
            continue;
        memmove(others + 1, others, (size_t)(at - others) * sizeof(*at));
        *others = authority;
        return;
    }
}

bool proxy_h2_write_head(struct proxy_run *run)
{
    struct request *r = run->r;
    const struct proxy_conf *conf = conf_of(run);
    struct h2_fields *out = pool_alloc(request_pool(r), sizeof(*out));
    nghttp2_nv *others;

    run->send_length = proxy_send_length(run);
    run->uri = proxy_request_uri(r, run->target);
    h2_fields_init(out, request_pool(r), PSEUDO + conf->plan->count + r->fields->count, false);
    h2_fields_add(out, STR(":method"), proxy_method(run));
    h2_fields_add(out, STR(":scheme"), run->target->tls ? STR("https") : STR("http"));
    h2_fields_add(out, STR(":path"), run->uri);
    others = out->at;
    add_planned(run, out);
    authority_first(out, others);
    add_clients(run, out);
    run->fields = out;
    if (run->send_length < 0 && !run->streaming)
        run->send_length = 0;
    return true;
}

/* The body ------------------------------------------------------------------------------------- */

void proxy_h2_frame(struct proxy_run *run, struct chain *data, bool last)
{
    chain_move(&run->out, data);
}

/* What cannot be begun is refused: h2_call_fate says so. */
void proxy_h2_begin(struct proxy_run *run)
{
    struct h2_question question = {
        .fields = run->fields,
        .has_body = proxy_send_has_body(run) || proxy_trailers_came(run),
        .pool = request_pool(run->r), .head = &run->answer.fields, .trailers = run->trailers,
        .head_max_bytes = (size_t)run->conf->buffer_bytes,
    };

    if (run->body != NULL)
        run->body->file_ok = false; /* it is copied into frames */
    h2_call_begin(run->x, &question);
    run->sent_any = true;
}

void proxy_h2_finish(struct proxy_run *run)
{
    h2_call_end(run->x, proxy_trailers_fields(run));
}

/* The answer ----------------------------------------------------------------------------------- */

void proxy_h2_reset(struct proxy_run *run)
{
    struct h1_limits limits = {.fields = FIELDS_MOST};

    h1_head_init(&run->answer, H1_RESPONSE, &limits, request_pool(run->r));
    run->trailers = pool_alloc(request_pool(run->r), sizeof(*run->trailers));
    fields_init(run->trailers, request_pool(run->r));
    run->reuse = false; /* others use the connection all the time */
}

static enum head_result no_head(struct proxy_run *run)
{
    const struct exchange *x = run->x;

    switch (h2_call_fate(x)) {
    case H2_FATE_OPEN:
        break;
    case H2_FATE_TOO_BIG:
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent too big header");
        return HEAD_TOO_BIG;
    case H2_FATE_REFUSED:
        return HEAD_REFUSED;
    case H2_FATE_PASSED:
        return HEAD_PASSED;
    case H2_FATE_RESET:
        log_error(&run->r->log, LOG_ERROR, 0, "upstream rejected request with error %u (%s)",
                  h2_call_error(x), h2_call_error_name(x));
        return HEAD_RESET;
    case H2_FATE_LOST:
        return HEAD_LOST;
    default:
        log_error(&run->r->log, LOG_ERROR, 0, "upstream sent invalid header");
        return HEAD_BAD;
    }
    if (h2_call_interims(x) <= INTERIM_MOST)
        return HEAD_MORE;
    log_error(&run->r->log, LOG_ERROR, 0, "upstream sent too many interim responses");
    return HEAD_BAD;
}

static bool has_no_body(const struct proxy_run *run)
{
    return run->head_only || run->answer.status == 204 || run->answer.status == 304;
}

static void set_body(struct proxy_run *run)
{
    struct h1_head *a = &run->answer;
    struct str length = fields_value(&a->fields, FIELD_CONTENT_LENGTH);
    bool over = h2_call_is_over(run->x);

    a->content_length = -1;
    if (length.len > 0 && !str_to_int(length, &a->content_length))
        a->content_length = -1;
    run->left = a->content_length;
    if (over || has_no_body(run)) {
        run->body_kind = H1_BODY_NONE;
        run->trailers = over ? NULL : run->trailers;
        if (over && !has_no_body(run))
            a->content_length = 0;
    } else {
        run->body_kind = a->content_length > 0 ? H1_BODY_LENGTH : H1_BODY_CHUNKED;
    }
}

enum head_result proxy_h2_read_head(struct proxy_run *run)
{
    const struct http_fields *hint;

    while ((hint = h2_call_hint(run->x)) != NULL)
        proxy_response_hints(run, hint);
    run->answer.status = (uint16_t)h2_call_status(run->x);
    if (run->answer.status == 0)
        return no_head(run);
    run->dial.try->bytes_received += (int64_t)h2_call_head_bytes(run->x);
    set_body(run);
    return HEAD_DONE;
}

enum decode_result proxy_h2_decode(struct proxy_run *run, struct buf *b, struct chain *out)
{
    size_t n = buf_used(b);

    if (run->body_kind == H1_BODY_NONE)
        return DECODE_END;
    chain_add(out, b->pos, n);
    b->pos = b->last;
    run->left -= (int64_t)n;
    return h2_call_is_over(run->x) ? DECODE_END : DECODE_MORE;
}

/* The end of a stream is never taken for granted: it was said. */
bool proxy_h2_may_end(const struct proxy_run *run)
{
    return h2_call_is_over(run->x);
}

const struct proxy_codec proxy_h2 = {
    .name = "http", .index = &proxy_index, .http = true, .target = proxy_url_target,
    PROXY_H2_CODEC,
};
