/*
 * worker/upstream/sticky.c - requests that belong to one client's session stay with one peer.
 *
 * The cookie is made of what this file is told by templates and variables: it never sees a request.
 */
#include "worker/upstream/sticky.h"

#include "common/array.h"
#include "common/clock.h"
#include "common/conf_value.h"
#include "common/digest.h"
#include "common/generation.h"
#include "worker/codec/field.h"
#include "worker/codec/http_date.h"
#include "worker/net/scope.h"
#include "worker/net/scope_conf.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/sticky_sessions.h"

#define KEY_MOST_BYTES  4096 /* of a session's key: a longer one is none */
#define EXPIRES_MAX     INT64_MAX

enum sticky_kind { STICKY_COOKIE, STICKY_ROUTE, STICKY_LEARN };

struct sticky {
    enum sticky_kind kind;
    struct array lookup, create;  /* uint32_t: variables; the first that is not empty counts */

    /* cookie */
    struct str name;
    int64_t expires_s;            /* EXPIRES_MAX: the end of time; 0: with the browser */
    const struct template *domain, *path, *samesite; /* NULL: none */
    bool httponly, secure;

    /* learn */
    struct zone_spec *zone;
    int64_t timeout_ms;
    bool header;                  /* as soon as the head is here */
};

/* Routes --------------------------------------------------------------------------------------- */

uint64_t sticky_route_hash(struct str route)
{
    uint64_t hash = str_hash_fixed(route);

    return hash == 0 ? 1 : hash;
}

void sticky_address_route(struct str name, char *out)
{
    char hex[DIGEST_HEX_MAX];

    if (str_starts(name, STR("unix:")))
        name = str_from(name, 5);
    memcpy(out, hex, digest_hex(DIGEST_MD5, name, hex));
}

void sticky_name_peers(struct pool *pool, struct upstream_group *group)
{
    for (uint32_t i = 0; i < group->primaries + group->backups; i++) {
        struct peer *peer = &group->peers[i];

        peer->route = peer->server->route;
        if (peer->route.len == 0) {
            char *hex = pool_bytes(pool, STICKY_ROUTE_HEX);

            sticky_address_route(peer->name, hex);
            peer->route = (struct str){hex, STICKY_ROUTE_HEX};
        }
        peer->route_hash = sticky_route_hash(peer->route);
    }
}

/* Choosing ------------------------------------------------------------------------------------- */

static struct str first_of(struct scope *scope, const struct array *vars, bool flushed)
{
    EACH (uint32_t, index, vars) {
        struct str value = var_str(flushed ? scope_var_flushed(scope, *index)
                                           : scope_var(scope, *index));

        if (value.len > 0)
            return value;
    }
    return STR_NONE;
}

static struct zone *sessions_of(const struct sticky *sticky)
{
    return sticky->zone == NULL ? NULL : sticky->zone->zone;
}

void sticky_begin(struct dial *d)
{
    const struct sticky *sticky = d->group->sticky;
    struct str key;

    d->bound = 0;
    if (d->scope == NULL)
        return;
    key = first_of(d->scope, &sticky->lookup, false);
    if (key.len == 0 || key.len > KEY_MOST_BYTES)
        return;
    if (sticky->kind != STICKY_LEARN)
        d->bound = sticky_route_hash(key);
    else if (sessions_of(sticky) != NULL)
        d->bound = sticky_session_find(sessions_of(sticky), key, sticky->timeout_ms);
}

/* Of several addresses with one route the first that may be tried: a session stays there. */
const struct peer *sticky_pick(struct dial *d)
{
    int64_t now_s = clock_mono_ms / 1000;
    const struct upstream_group *g = d->group;

    if (d->bound == 0)
        return NULL;
    for (uint32_t i = 0; i < g->primaries + g->backups; i++) {
        const struct peer *peer = &g->peers[i];

        if (peer->route_hash != d->bound || dial_was_tried(d, i) ||
            !peer_usable(peer, peer_state(peer), now_s))
            continue;
        balancer_charge(d, peer);
        return peer;
    }
    return NULL;
}

/* Answers -------------------------------------------------------------------------------------- */

static struct str expiry(const struct dial *d, const struct sticky *sticky)
{
    char date[HTTP_DATE_BYTES + 1], *end;

    if (sticky->expires_s == 0)
        return STR("");
    if (sticky->expires_s == EXPIRES_MAX)
        return STR("; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000");
    end = http_date_print_cookie(date, clock_wall_s() + sticky->expires_s);
    return pool_printf(d->pool, "; expires=%.*s; max-age=%lld", (int)(end - date), date,
                       (long long)sticky->expires_s);
}

/* What cannot be in an attribute's value ends it (RFC 6265, 4.1.1). */
static struct str attribute(const struct dial *d, const char *name, const struct template *value)
{
    struct str text = value == NULL ? STR_NONE : scope_eval(d->scope, value);
    ssize_t end = str_find(text, ';');

    if (end >= 0)
        text.len = (size_t)end;
    if (text.len == 0)
        return STR("");
    return pool_printf(d->pool, "; %s=%" STR_FMT, name, STR_ARG(text));
}

static const char *samesite_named(struct str text)
{
    if (str_eq_nocase(text, STR("strict")))
        return "; samesite=strict";
    if (str_eq_nocase(text, STR("lax")))
        return "; samesite=lax";
    return str_eq_nocase(text, STR("none")) ? "; samesite=none" : NULL;
}

static const char *samesite(const struct dial *d, const struct sticky *sticky)
{
    const char *text = NULL;

    if (sticky->samesite != NULL)
        text = samesite_named(scope_eval(d->scope, sticky->samesite));
    return text == NULL ? "" : text;
}

struct str sticky_cookie(const struct dial *d)
{
    const struct sticky *sticky = d->group->sticky;
    struct str text;

    if (sticky->kind != STICKY_COOKIE || d->peer == NULL || d->scope == NULL ||
        sticky_is_bound(d, d->peer))
        return STR_NONE;
    text = pool_printf(d->pool, "%" STR_FMT "=%" STR_FMT "%" STR_FMT "%" STR_FMT "%" STR_FMT
                                "%s%s%s",
                       STR_ARG(sticky->name), STR_ARG(d->peer->route),
                       STR_ARG(expiry(d, sticky)),
                       STR_ARG(attribute(d, "domain", sticky->domain)),
                       STR_ARG(attribute(d, "path", sticky->path)),
                       sticky->secure ? "; secure" : "", sticky->httponly ? "; httponly" : "",
                       samesite(d, sticky));
    return field_safe_value(d->pool, text);
}

void sticky_learn(const struct dial *d, bool whole)
{
    const struct sticky *sticky = d->group->sticky;
    struct zone *z = sessions_of(sticky);
    struct str key;

    if (sticky->kind != STICKY_LEARN || z == NULL || sticky->header == whole || d->peer == NULL ||
        d->scope == NULL)
        return;
    key = first_of(d->scope, &sticky->create, true);
    if (key.len == 0 || key.len > KEY_MOST_BYTES)
        return;
    if (!sticky_session_set(z, key, d->peer->route_hash, sticky->timeout_ms))
        log_error(d->log, LOG_ERROR, 0, "no room for a session in zone \"%s\"", z->name);
}

/* Configuration -------------------------------------------------------------------------------- */

static bool add_variable(struct conf_call *call, uint32_t i, struct str text, struct array *to)
{
    if (text.len < 2 || text.data[0] != '$')
        return conf_fail_arg(call, i, "invalid variable name \"%" STR_FMT "\"", STR_ARG(text));
    *(uint32_t *)array_push(to) = var_use(scope_conf_table(call), str_from(text, 1));
    return true;
}

/* The value of "key=value" as a template. */
static const struct template *compile(struct conf_call *call, uint32_t i, struct str text)
{
    struct var_table *table = scope_conf_table(call);
    const struct conf_node *before = table->place;
    struct template *t;
    const char *why;

    table->place = call->node;
    t = template_compile(call->pool, table, text, &why);
    table->place = before;
    if (t == NULL)
        conf_fail_arg(call, i, "%s", why);
    return t;
}

static bool read_expires(struct conf_call *call, uint32_t i, struct str value, int64_t *seconds)
{
    if (str_eq(value, STR("max"))) {
        *seconds = EXPIRES_MAX;
        return true;
    }
    return (conf_sec(value, seconds) && *seconds > 0) || conf_fail_parameter(call, i);
}

static bool read_samesite(struct conf_call *call, uint32_t i, struct str value, struct sticky *s)
{
    if (str_find(value, '$') < 0 && samesite_named(value) == NULL)
        return conf_fail_parameter(call, i);
    return (s->samesite = compile(call, i, value)) != NULL;
}

static bool read_cookie_parameter(struct conf_call *call, uint32_t i, struct sticky *s)
{
    struct str value;

    if (conf_arg_is(call, i, "expires=", &value))
        return read_expires(call, i, value, &s->expires_s);
    if (conf_arg_is(call, i, "domain=", &value))
        return (s->domain = compile(call, i, value)) != NULL;
    if (conf_arg_is(call, i, "path=", &value))
        return (s->path = compile(call, i, value)) != NULL;
    if (conf_arg_is(call, i, "samesite=", &value))
        return read_samesite(call, i, value, s);
    if (str_eq(conf_arg(call, i), STR("httponly")))
        s->httponly = true;
    else if (str_eq(conf_arg(call, i), STR("secure")))
        s->secure = true;
    else
        return conf_fail_parameter(call, i);
    return true;
}

static bool set_cookie(struct conf_call *call, struct sticky *s)
{
    struct str var;

    s->name = conf_arg(call, 1);
    if (!field_name_is_safe(s->name) || str_find(s->name, '=') >= 0 || str_find(s->name, ';') >= 0)
        return conf_fail_arg(call, 1, "invalid cookie name \"%" STR_FMT "\"", STR_ARG(s->name));
    var = pool_printf(call->pool, "$cookie_%" STR_FMT, STR_ARG(s->name));
    if (!add_variable(call, 1, var, &s->lookup))
        return false;
    for (uint32_t i = 2; i < call->count; i++)
        if (!read_cookie_parameter(call, i, s))
            return false;
    return true;
}

static bool set_route(struct conf_call *call, struct sticky *s)
{
    for (uint32_t i = 1; i < call->count; i++)
        if (!add_variable(call, i, conf_arg(call, i), &s->lookup))
            return false;
    return true;
}

static bool read_zone(struct conf_call *call, uint32_t i, struct str text, struct sticky *s)
{
    struct str size = text, name = str_cut(&size, ':');
    const char *why;
    int64_t bytes = 0;

    if (name.len == 0 || (size.data != NULL && !conf_size(size, &bytes)))
        return conf_fail_arg(call, i, "invalid zone %s \"%" STR_FMT "\"",
                             name.len == 0 ? "name" : "size", STR_ARG(text));
    if (size.data != NULL && bytes < ZONE_MIN_BYTES) {
        conf_fail_arg(call, i, "zone \"%" STR_FMT "\" is too small", STR_ARG(name));
        return conf_hint(call, "at least %dk", ZONE_MIN_BYTES / 1024);
    }
    s->zone = generation_zone(call->gen, name, bytes, &sticky_zone_kind, call->node, &why);
    return s->zone != NULL || conf_fail_arg(call, i, "%s", why);
}

static bool read_learn_parameter(struct conf_call *call, uint32_t i, struct sticky *s)
{
    struct str value;

    if (conf_arg_is(call, i, "create=", &value))
        return add_variable(call, i, value, &s->create);
    if (conf_arg_is(call, i, "lookup=", &value))
        return add_variable(call, i, value, &s->lookup);
    if (conf_arg_is(call, i, "zone=", &value))
        return read_zone(call, i, value, s);
    if (conf_arg_is(call, i, "timeout=", &value))
        return (conf_ms(value, &s->timeout_ms) && s->timeout_ms > 0) ||
               conf_fail_parameter(call, i);
    if (str_eq(conf_arg(call, i), STR("header"))) {
        s->header = true;
        return true;
    }
    if (str_eq(conf_arg(call, i), STR("sync")))
        return conf_fail_arg(call, i, "\"sync\" is not supported: a zone is not shared with other "
                                      "machines");
    return conf_fail_parameter(call, i);
}

static bool set_learn(struct conf_call *call, struct sticky *s)
{
    s->timeout_ms = 600 * 1000;
    for (uint32_t i = 1; i < call->count; i++)
        if (!read_learn_parameter(call, i, s))
            return false;
    if (s->create.count == 0 || s->lookup.count == 0 || s->zone == NULL)
        return conf_fail(call, "\"sticky learn\" needs \"%s\"",
                         s->create.count == 0   ? "create="
                         : s->lookup.count == 0 ? "lookup="
                                                : "zone=");
    return true;
}

static const struct {
    const char *name;
    enum sticky_kind kind;
    bool (*set)(struct conf_call *call, struct sticky *s);
} kinds[] = {
    {"cookie", STICKY_COOKIE, set_cookie},
    {"route", STICKY_ROUTE, set_route},
    {"learn", STICKY_LEARN, set_learn},
};

static bool set_sticky(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    struct sticky *s = pool_zalloc(call->pool, sizeof(*s));

    s->lookup = array_of(uint32_t, call->pool);
    s->create = array_of(uint32_t, call->pool);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_eq(conf_arg(call, 0), str_of(kinds[i].name)))
            continue;
        s->kind = kinds[i].kind;
        group->sticky = s;
        return kinds[i].set(call, s);
    }
    return conf_fail_parameter(call, 0);
}

static const struct directive directives[] = {
    {.name = "sticky", .where = IN_UPSTREAM,
     .args = "cookie name [expires=time|max] [domain=domain] [httponly] "
             "[samesite=strict|lax|none|$variable] [secure] [path=path] ;; "
             "route $variable ... ;; "
             "learn create=$variable lookup=$variable zone=name:size [timeout=time] [header]",
     .apply = set_sticky,
     .doc = "The requests of a session go to one server as long as it may be tried. \"cookie\": "
            "a cookie names the server, by its \"route\" or the MD5 of its address. \"route\": the "
            "first of the variables that is not empty does. \"learn\": the server begins sessions "
            "by an answer in which a \"create\" variable is not empty, and the client's \"lookup\" "
            "variable then has the same value; they are kept in the zone for \"timeout\" (10m) "
            "after the last request, the oldest giving way when it is full."},
};

const struct module sticky_module = {
    .name = "sticky", .nginx_name = "http_upstream_sticky_module",
    .doc = "Sessions that stay with one server.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
