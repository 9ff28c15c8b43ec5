/*
 * worker/filter/headers.c - fields that the configuration adds to responses.
 *
 * A level that adds fields of its own does not inherit any, unless add_header_inherit says so. The
 * rows are local: what a level inherits is settled in scope_done.
 */
#include "worker/filter/headers.h"

#include "common/generation.h"
#include "worker/filter/expires.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"

enum inherit { INHERIT_OFF, INHERIT_ON, INHERIT_MERGE };

struct added {
    struct str name;
    struct template *value;
    enum field_id id;
    bool always;
};

struct headers_conf {
    struct array *headers, *trailers; /* struct added; NULL: none */
    struct expires *expires;    /* NULL: off */
    int64_t headers_inherit, trailers_inherit;
};
#define F(member) FIELD(struct headers_conf, member)

static uint32_t headers_index;

/* Configuration ------------------------------------------------------------------------------- */

static struct array *new_list(struct pool *pool)
{
    struct array *list = pool_alloc(pool, sizeof(*list));

    *list = array_of(struct added, pool);
    return list;
}

static bool add(struct conf_call *call, struct array **list)
{
    struct added *added;
    const char *why;

    if (*list == NULL)
        *list = new_list(call->pool);
    added = array_push(*list);
    added->name = conf_arg(call, 0);
    if (!field_name_is_safe(added->name))
        return conf_fail_arg(call, 0, "invalid field name \"%" STR_FMT "\"", STR_ARG(added->name));
    added->id = field_find_id(added->name);
    added->value = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 1), &why);
    if (added->value == NULL)
        return conf_fail_arg(call, 1, "%s", why);
    added->always = call->count == 3;
    return !added->always || str_eq(conf_arg(call, 2), STR("always")) ||
           conf_fail_arg(call, 2, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 2)));
}

static bool add_header(struct conf_call *call)
{
    return add(call, &((struct headers_conf *)call->conf)->headers);
}

static bool add_trailer(struct conf_call *call)
{
    return add(call, &((struct headers_conf *)call->conf)->trailers);
}

static bool set_expires(struct conf_call *call)
{
    return expires_load(call, &((struct headers_conf *)call->conf)->expires);
}

static void inherit(struct pool *pool, struct array **own, struct array *outer, enum inherit rule)
{
    if (outer == NULL || rule == INHERIT_OFF || (rule == INHERIT_ON && *own != NULL))
        return;
    if (*own == NULL) {
        *own = outer;
        return;
    }
    EACH (const struct added, added, outer)
        *(struct added *)array_push(*own) = *added;
}

static bool scope_done(struct conf_call *call)
{
    struct headers_conf *conf = call->conf;
    const struct headers_conf *outer =
        call->scope->parent != NULL ? call->scope->parent->conf[headers_index] : NULL;

    if (outer == NULL)
        return true;
    inherit(call->pool, &conf->headers, outer->headers, (enum inherit)conf->headers_inherit);
    inherit(call->pool, &conf->trailers, outer->trailers, (enum inherit)conf->trailers_inherit);
    return true;
}

/* Fields -------------------------------------------------------------------------------------- */

/* The statuses whose responses get what is not marked "always". */
static bool is_usual(int status)
{
    switch (status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 301:
    case 302:
    case 303:
    case 304:
    case 307:
    case 308:
        return true;
    default:
        return false;
    }
}

static struct str value_of(struct request *r, const struct added *added)
{
    return field_safe_value(request_pool(r), scope_eval(&r->scope, added->value));
}

static void put(struct request *r, struct str name, struct str value, enum field_id id)
{
    struct http_field *f = value.len > 0 ? fields_add(r->out.fields, name, value, (uint8_t)id)
                                         : NULL;

    if (f != NULL)
        f->flags |= FIELD_ADDED;
}

/* Fields that there can be one of, and that other members of the response stand for. */
static void set_validator(struct request *r, const struct added *added, struct str value)
{
    if (added->id == FIELD_ETAG) {
        r->out.etag = value;
        r->out.etag_added = true;
        return;
    }
    r->out.has_last_modified = false;
    EACH_FIELD (f, r->out.fields)
        if (f->id == FIELD_LAST_MODIFIED)
            f->flags |= FIELD_DELETED;
    put(r, added->name, value, FIELD_LAST_MODIFIED);
}

static void add_field(struct request *r, const struct added *added)
{
    struct str value = value_of(r, added);

    if (added->id == FIELD_ETAG || added->id == FIELD_LAST_MODIFIED)
        set_validator(r, added, value);
    else /* one more Server or Date does not replace ours */
        put(r, added->name, value,
            added->id == FIELD_SERVER || added->id == FIELD_DATE ? FIELD_OTHER : added->id);
}

static void filter(struct request *r)
{
    const struct headers_conf *conf = REQUEST_CONF(r, headers_index, struct headers_conf);
    bool usual;

    if ((conf->headers == NULL && conf->expires == NULL) || r != r->main)
        return;
    usual = is_usual(r->out.status);
    if (conf->expires != NULL && usual)
        expires_apply(r, conf->expires);
    if (conf->headers == NULL)
        return;
    EACH (const struct added, added, conf->headers)
        if (usual || added->always)
            add_field(r, added);
}

/* Trailers ------------------------------------------------------------------------------------ */

struct trailing_source {
    struct source source;
    struct source *body;
    struct request *r;
    bool usual;         /* the status, when the head was sent */
};

/* Their values are taken when the body has been sent. */
static void make_trailers(struct trailing_source *s)
{
    struct request *r = s->r;
    const struct headers_conf *conf = REQUEST_CONF(r, headers_index, struct headers_conf);
    struct str value;

    r->out.trailers = pool_alloc(request_pool(r), sizeof(*r->out.trailers));
    fields_init(r->out.trailers, request_pool(r));
    EACH (const struct added, added, conf->trailers) {
        if (!s->usual && !added->always)
            continue;
        value = value_of(r, added);
        if (value.len > 0)
            fields_add(r->out.trailers, added->name, value, (uint8_t)added->id);
    }
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct trailing_source *s = CONTAINER(source, struct trailing_source, source);
    enum pull result = PULL_END;

    if (s->body != NULL) {
        s->body->waiter = source->waiter;
        s->body->file_ok = source->file_ok;
        result = source_pull(s->body, out, max);
    }
    if (result == PULL_END)
        make_trailers(s);
    return result;
}

static void close_body(struct source *source)
{
    source_close(CONTAINER(source, struct trailing_source, source)->body);
}

static const struct source_ops trailing_ops = {.name = "trailers", .pull = pull,
                                               .close = close_body};

static bool are_wanted(const struct headers_conf *conf, bool usual)
{
    EACH (const struct added, added, conf->trailers)
        if ((usual || added->always) && added->value->source.len > 0)
            return true;
    return false;
}

static void filter_trailers(struct request *r)
{
    const struct headers_conf *conf = REQUEST_CONF(r, headers_index, struct headers_conf);
    struct trailing_source *s;

    if (conf->trailers == NULL || r != r->main || !output_has_body(r) ||
        r->version < 11 || (r->version == 11 && !HTTP_CORE(r)->chunked) ||
        !are_wanted(conf, is_usual(r->out.status)))
        return;
    s = pool_zalloc(request_pool(r), sizeof(*s));
    s->source = (struct source){.ops = &trailing_ops, .length = r->out.length, .file_ok = true};
    s->body = r->out.body;
    s->r = r;
    s->usual = is_usual(r->out.status);
    r->out.body = &s->source;
    if (r->version == 11)
        r->out.length = -1; /* only chunks have trailers */
}

static const struct word inherit_words[] = {
    {"on", INHERIT_ON}, {"off", INHERIT_OFF}, {"merge", INHERIT_MERGE}, {NULL, 0}};

static const struct directive directives[] = {
    {.name = "expires", .where = IN_WEB_IF, .args = "[modified] time|epoch|max|off",
     .apply = set_expires,
     .doc = "Sets Expires and Cache-Control: so long from now (or from the file's last change), "
            "at a time of day (@15h30m), at once, or never."},
    {.name = "add_header", .where = IN_WEB_IF, .args = "name value [always]", .apply = add_header,
     .repeat = true, .local = true, .field = F(headers),
     .doc = "Adds a field to responses with a status of 200, 201, 204, 206, 301, 302, 303, 304, "
            "307 or 308, or to all. Replaces those of the enclosing level."},
    {.name = "add_header_inherit", .where = IN_WEB_IF, .args = "on|off|merge",
     .value = VALUE_ENUM, .words = inherit_words, .field = F(headers_inherit), .initial = "on",
     .doc = "Whether fields of the enclosing level are added where there are none here (on), "
            "never (off), or always (merge)."},
    {.name = "add_trailer", .where = IN_WEB_IF, .args = "name value [always]",
     .apply = add_trailer, .repeat = true, .local = true, .field = F(trailers),
     .doc = "Adds a field behind the body, as add_header does before it."},
    {.name = "add_trailer_inherit", .where = IN_WEB_IF, .args = "on|off|merge",
     .value = VALUE_ENUM, .words = inherit_words, .field = F(trailers_inherit), .initial = "on",
     .doc = "The same as add_header_inherit, for trailers."},
};

const struct module headers_module = {
    .name = "headers", .nginx_name = "http_headers_module",
    .doc = "Fields that are added to responses.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct headers_conf),
    .scope_done = scope_done, .filter = filter, .index = &headers_index,
    .idle_without = &headers_module,
};

const struct module trailers_module = {
    .name = "trailers",
    .doc = "Trailers that are added to responses.",
    .family = FAMILY_HTTP,
    .filter = filter_trailers,
    .idle_without = &headers_module,
};
