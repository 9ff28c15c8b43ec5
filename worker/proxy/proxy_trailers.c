/*
 * worker/proxy/proxy_trailers.c - the fields behind a client's body on their way to the origin.
 *
 * An origin may merge trailers with what stood in the head (RFC 9110, 6.5.1), so nothing passes
 * that would say there what we say ourselves, or keep clients from saying. The wire has already
 * left out what may never stand behind a body.
 */
#include "worker/proxy/proxy_trailers.h"

#include "worker/h2/h2_fields.h"
#include "worker/http/body.h"
#include "worker/http/http_core.h"

bool proxy_trailers_may_pass(const struct proxy_run *run)
{
    const struct origin_conf *conf = run->conf;

    return conf->pass_request_trailers && conf->pass_headers && conf->pass_body &&
           conf->set_body == NULL && run->r == run->r->main;
}

/* Proxies speak of clients by them, or of what was asked for in truth. */
static bool is_proxys(struct str name)
{
    static const struct str beginnings[] = {
        STR_INIT("x-forwarded"), STR_INIT("x-original-"), STR_INIT("x-rewrite-"),
        STR_INIT("x-http-method"), STR_INIT("x-method-override"), STR_INIT("x-accel-"),
        STR_INIT("proxy"), STR_INIT("sec-"), STR_INIT("max-forwards"),
    };

    for (size_t i = 0; i < COUNT(beginnings); i++)
        if (str_starts_nocase(name, beginnings[i]))
            return true;
    return false;
}

/* Of the well-known fields, those that say something of a body. */
static bool is_heads(uint8_t id)
{
    switch (id) {
    case FIELD_OTHER:
    case FIELD_ETAG:
    case FIELD_GRPC_STATUS:
    case FIELD_GRPC_MESSAGE:
        return false;
    default:
        return true;
    }
}

/* Names as heads may have them (ignore_invalid_headers, underscores_in_headers). */
static bool is_odd(struct str name, const struct http_core_conf *core)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.data[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              (c == '_' && core->underscores_in_headers)))
            return core->ignore_invalid_headers;
    }
    return false;
}

static bool passes(const struct proxy_run *run, const struct http_field *f)
{
    const struct proxy_conf *conf = (const struct proxy_conf *)(const void *)run->conf;

    return !is_heads(f->id) && !is_proxys(f->name) && !is_odd(f->name, HTTP_CORE(run->r)) &&
           !name_set_has(&conf->plan->replaced, f->name, f->id);
}

/* NULL: none, or none that may pass. */
static const struct http_fields *came(const struct proxy_run *run)
{
    const struct request_body *body = run->r->body;

    return body == NULL || body->trailers == NULL || !body->complete ||
                   !proxy_trailers_may_pass(run)
               ? NULL
               : body->trailers;
}

bool proxy_trailers_came(const struct proxy_run *run)
{
    const struct http_fields *trailers = came(run);

    if (likely(trailers == NULL))
        return false;
    EACH_FIELD (f, trailers)
        if (passes(run, f))
            return true;
    return false;
}

struct str proxy_trailers_lines(struct proxy_run *run)
{
    const struct http_fields *trailers = came(run);
    struct pool *pool = request_pool(run->r);
    size_t room = 0;
    char *text, *p;

    if (likely(trailers == NULL))
        return STR_NONE;
    EACH_FIELD (f, trailers)
        room += f->name.len + f->value.len + 4;
    text = p = pool_bytes(pool, room);
    EACH_FIELD (f, trailers)
        if (passes(run, f))
            p = field_print(p, f->name, field_safe_value(pool, f->value));
    return str_range(text, p);
}

const struct h2_fields *proxy_trailers_fields(struct proxy_run *run)
{
    const struct http_fields *trailers = came(run);
    struct pool *pool = request_pool(run->r);
    struct h2_fields *fields;

    if (likely(trailers == NULL))
        return NULL;
    fields = pool_alloc(pool, sizeof(*fields));
    h2_fields_init(fields, pool, trailers->count, false);
    EACH_FIELD (f, trailers)
        if (passes(run, f))
            h2_fields_add_safe(fields, f->name, f->value);
    return fields->at == fields->first ? NULL : fields;
}
