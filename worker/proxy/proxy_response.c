/*
 * worker/proxy/proxy_response.c - the origin's head becomes the response to the client.
 *
 * Fields keep their order and spelling. What frames the message is the wire's; what speaks to us
 * (X-Accel-...) or is ours to say (Date, Server) is left out, as is what proxy_hide_header names.
 */
#include "worker/http/early_hints.h"
#include "worker/http/wire.h"
#include "worker/proxy/proxy_rewrite.h"
#include "worker/proxy/proxy_run.h"
#include "worker/upstream/sticky.h"

struct str proxy_response_control(const struct proxy_run *run, enum field_id id, int64_t ignored)
{
    return run->conf->ignore & ignored ? STR_NONE : fields_value(&run->answer.fields, id);
}

static bool is_framing(uint8_t id)
{
    switch (id) {
    case FIELD_CONNECTION:
    case FIELD_CONTENT_LENGTH:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_KEEP_ALIVE:
    case FIELD_TRAILER:
        return true;
    default:
        return false;
    }
}

/* "5; url=http://origin/x": the URL is rewritten like a Location. */
static struct str rewrite_refresh(struct proxy_run *run, struct str value)
{
    struct str lower = value, out;
    ssize_t at = -1;

    for (size_t i = 0; at < 0 && i + 4 <= lower.len; i++)
        if (str_starts_nocase(str_from(lower, i), STR("url=")))
            at = (ssize_t)i + 4;
    if (at < 0 || !proxy_redirect_rewrite(run, str_from(value, (size_t)at), &out))
        return value;
    return pool_printf(request_pool(run->r), "%" STR_FMT "%" STR_FMT,
                       STR_ARG(((struct str){value.data, (size_t)at})), STR_ARG(out));
}

static void add(struct request *r, const struct http_field *f, struct str value)
{
    if (value.data != f->value.data)
        value = field_safe_value(request_pool(r), value);
    request_add_field(r, f->name, value, (enum field_id)f->id);
}

/* One of our own making that begins with '/' is completed to an absolute URL on the way out. */
static void add_location(struct proxy_run *run, const struct http_field *f)
{
    struct str value;

    if (!proxy_redirect_rewrite(run, f->value, &value))
        add(run->r, f, f->value);
    else if (value.len > 0 && value.data[0] == '/')
        run->r->out.location = field_safe_value(request_pool(run->r), value);
    else
        add(run->r, f, value);
}

/* Fields to which rules of proxy_pass apply. */
static bool take_rewritten(struct proxy_run *run, const struct http_field *f)
{
    switch (f->id) {
    case FIELD_LOCATION:
        add_location(run, f);
        return true;
    case FIELD_REFRESH:
        add(run->r, f, rewrite_refresh(run, f->value));
        return true;
    case FIELD_SET_COOKIE:
        add(run->r, f, proxy_cookie_rewrite(run, f->value));
        return true;
    default:
        return false;
    }
}

static void take_field(struct proxy_run *run, const struct http_field *f)
{
    switch (f->id) {
    case FIELD_CONTENT_TYPE:
        run->r->out.type = f->value;
        return;
    case FIELD_UPGRADE:
        if (run->answer.status == 101)
            add(run->r, f, f->value);
        return;
    default:
        if (run->http == NULL || !take_rewritten(run, f))
            add(run->r, f, f->value);
    }
}

/* What has no meaning in a hint (RFC 8297, 2), and might name the origin. */
static bool is_no_hint(uint8_t id)
{
    switch (id) {
    case FIELD_UPGRADE:
    case FIELD_LOCATION:
    case FIELD_REFRESH:
    case FIELD_SET_COOKIE:
        return true;
    default:
        return is_framing(id);
    }
}

void proxy_response_hints(struct proxy_run *run, const struct http_fields *fields)
{
    struct request *r = run->r;
    struct http_fields hints;

    if (r != r->main || !early_hints_wanted(r))
        return;
    fields_init(&hints, request_pool(r));
    EACH_FIELD (f, fields)
        if (!is_no_hint(f->id) && !name_set_has(run->conf->hidden, f->name, f->id))
            fields_add(&hints, f->name, f->value, (enum field_id)f->id);
    r->wire->interim(r, 103, &hints);
}

void proxy_response_bind(struct proxy_run *run)
{
    struct str cookie;

    if (likely(run->dial.group->sticky == NULL))
        return;
    cookie = sticky_cookie(&run->dial);
    if (cookie.len > 0)
        request_add_field(run->r, STR("Set-Cookie"), cookie, FIELD_SET_COOKIE);
}

static int64_t body_length_of(const struct proxy_run *run)
{
    switch (run->body_kind) {
    case H1_BODY_LENGTH:
        return run->answer.content_length;
    case H1_BODY_NONE:
        if (run->head_only && !run->r->header_only)
            return 0;              /* proxy_method made it a HEAD: this is all there is to send */
        return run->answer.content_length; /* of a HEAD's, or 0, or unknown */
    default:
        return -1;
    }
}

/* A second line of what there can be but one of: the first counts, as in nginx since 1.23. */
static bool is_repeated(const struct proxy_run *run, const struct http_field *f)
{
    switch (f->id) {
    case FIELD_DATE:
    case FIELD_SERVER:
    case FIELD_LOCATION:
    case FIELD_ETAG:
    case FIELD_LAST_MODIFIED:
    case FIELD_ACCEPT_RANGES:
    case FIELD_CONTENT_ENCODING:
        break;
    default:
        return false;
    }
    if (fields_find(&run->answer.fields, (enum field_id)f->id) == f)
        return false;
    log_error(&run->r->log, LOG_WARN, 0,
              "upstream sent duplicate header line: \"%" STR_FMT ": %" STR_FMT "\", ignored",
              STR_ARG(f->name), STR_ARG(f->value));
    return true;
}

/* What is passed on of Server and Date is the origin's, also that it has none. */
static void leave_to_origin(struct proxy_run *run)
{
    const struct http_fields *fields = &run->answer.fields;
    const struct name_set *hidden = run->conf->hidden;
    struct response *out = &run->r->out;

    out->no_server = !fields_has(fields, FIELD_SERVER) &&
                     !name_set_has(hidden, STR("Server"), FIELD_SERVER);
    out->no_date =
        !fields_has(fields, FIELD_DATE) && !name_set_has(hidden, STR("Date"), FIELD_DATE);
}

void proxy_response_fill(struct proxy_run *run)
{
    struct response *out = &run->r->out;

    out->status = run->answer.status;
    out->reason = run->answer.reason;
    out->no_default_type = true;
    out->accept_ranges = out->single_range = run->conf->force_ranges;
    out->is_origins = true;
    EACH_FIELD (f, &run->answer.fields) {
        if (f->id == FIELD_ACCEPT_RANGES && run->conf->force_ranges)
            continue; /* we say it */
        if (is_framing(f->id) || name_set_has(run->conf->hidden, f->name, f->id) ||
            is_repeated(run, f))
            continue;
        if (f->id == FIELD_DATE || f->id == FIELD_SERVER)
            out->keep_head = true;
        take_field(run, f);
    }
    if (run->http != NULL && run->conf->pass_names != NULL)
        leave_to_origin(run);
    proxy_response_bind(run);
    if (run->codec->trailers || (run->http != NULL && run->http->pass_trailers))
        out->trailers = run->trailers;
    out->length = body_length_of(run);
    if (run->codec->fill != NULL)
        run->codec->fill(run);
    if (run->body_kind == H1_BODY_NONE)
        return;
    run->relay.source = (struct source){.ops = &relay_ops, .length = out->length, .file_ok = true};
    run->relay.open = true;
    out->body = &run->relay.source;
}
