/*
 * worker/proxy/health_check.c - health_check and match: what origins are asked, and how often.
 *
 * In a location the check goes to the group that requests are passed to from there, in the same
 * way. In an upstream it is HTTP, as the http block's proxy_ directives have it. The keeper does
 * the asking: see upstream/check.h.
 */
#include "worker/proxy/health_check.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/codec/grpc_health.h"
#include "worker/codec/uri.h"
#include "worker/h2/h2_client.h"
#include "worker/http/location.h"
#include "worker/proxy/fastcgi.h"
#include "worker/proxy/grpc.h"
#include "worker/proxy/memcached.h"
#include "worker/proxy/probe_grpc.h"
#include "worker/proxy/probe_http.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/scgi_pass.h"
#include "worker/proxy/uwsgi_pass.h"
#include "worker/upstream/check_match.h"

#define IN_UPSTREAM_TIMEOUT_MS 5000

static uint32_t health_check_index;

struct health_check_conf {
    struct array *matches; /* struct check_match * */
    struct array *checks;  /* struct wish */
};

/* A health_check as read. */
struct wish {
    struct health_check *check;
    bool tcp, tls, grpc;
    struct str service;    /* of gRPC; empty: the server */
    int64_t status;        /* a grpc-status that will do, too; 0: none */
};

/* Modules that pass requests on; their structs begin with a struct origin_conf. */
static const uint32_t *const speakers[] = {
    &proxy_index, &fastcgi_index, &uwsgi_index, &scgi_index, &memcached_index, &grpc_index,
};

/* match ---------------------------------------------------------------------------------------- */

static const struct check_match *find_match(const struct health_check_conf *conf, struct str name)
{
    if (conf->matches != NULL)
        EACH (struct check_match *, m, conf->matches)
            if (str_eq(check_match_name(*m), name))
                return *m;
    return NULL;
}

static bool add_match(struct conf_call *call)
{
    struct health_check_conf *conf = call->conf;
    struct check_match *match;

    if (find_match(conf, conf_arg(call, 0)) != NULL)
        return conf_fail_arg(call, 0, "duplicate match \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)));
    match = check_match_load(call);
    if (match == NULL)
        return false;
    *(struct check_match **)array_push(
        origin_list(call, &conf->matches, sizeof(struct check_match *))) = match;
    return true;
}

/* Parameters ----------------------------------------------------------------------------------- */

static bool read_count(struct str text, int64_t *number, int64_t most)
{
    return conf_int(text, number) && *number > 0 && *number <= most;
}

/* Parameters with a number: true when argument i is one. */
static bool read_number(struct conf_call *call, uint32_t i, struct health_check *c, bool *good)
{
    struct str value;

    if (conf_arg_is(call, i, "interval=", &value))
        *good = conf_ms(value, &c->interval_ms) && c->interval_ms > 0;
    else if (conf_arg_is(call, i, "jitter=", &value))
        *good = conf_ms(value, &c->jitter_ms) && c->jitter_ms < INT32_MAX;
    else if (conf_arg_is(call, i, "timeout=", &value))
        *good = conf_ms(value, &c->timeout_ms) && c->timeout_ms > 0;
    else if (conf_arg_is(call, i, "keepalive_time=", &value))
        *good = conf_ms(value, &c->keepalive_time_ms);
    else if (conf_arg_is(call, i, "fails=", &value))
        *good = read_count(value, &c->fails, INT32_MAX);
    else if (conf_arg_is(call, i, "passes=", &value))
        *good = read_count(value, &c->passes, INT32_MAX);
    else if (conf_arg_is(call, i, "port=", &value))
        *good = read_count(value, &c->port, 65535);
    else
        return false;
    return true;
}

static bool read_type(struct conf_call *call, uint32_t i, struct wish *w, struct str type)
{
    w->tcp = str_eq(type, STR("tcp"));
    w->grpc = str_eq(type, STR("grpc"));
    if (w->tcp || w->grpc || str_eq(type, STR("http")))
        return true;
    conf_fail_parameter(call, i);
    return conf_hint(call, "http, grpc or tcp");
}

/* grpc_service=, grpc_status=, which stand behind type=grpc. */
static bool read_grpc(struct conf_call *call, uint32_t i, struct wish *w, bool *good)
{
    struct str value;

    if (conf_arg_is(call, i, "grpc_service=", &w->service))
        *good = w->grpc && w->service.len > 0 && w->service.len <= GRPC_SERVICE_MOST;
    else if (conf_arg_is(call, i, "grpc_status=", &value))
        *good = w->grpc && read_count(value, &w->status, 65535);
    else
        return false;
    return true;
}

static bool read_uri(struct conf_call *call, uint32_t i, struct health_check *c)
{
    enum uri_fault fault;
    struct uri uri;

    fault = uri_parse(&uri, c->uri, false, call->pool);
    return (fault == URI_OK && c->uri.data[0] == '/') ||
           conf_fail_arg(call, i, "invalid uri \"%" STR_FMT "\" of a health check",
                         STR_ARG(c->uri));
}

static bool read_match(struct conf_call *call, uint32_t i, struct health_check *c)
{
    c->match = find_match(call->conf, c->match_name);
    if (c->match != NULL)
        return true;
    conf_fail_arg(call, i, "unknown match \"%" STR_FMT "\"", STR_ARG(c->match_name));
    return conf_hint(call, "a \"match\" block of that name belongs into \"http\"");
}

static bool read_parameter(struct conf_call *call, uint32_t i, struct wish *w)
{
    struct health_check *c = w->check;
    struct str text = conf_arg(call, i), value;
    bool good = true;

    if (read_number(call, i, c, &good) || read_grpc(call, i, w, &good))
        return good || conf_fail_parameter(call, i);
    if (conf_arg_is(call, i, "uri=", &c->uri))
        return read_uri(call, i, c);
    if (conf_arg_is(call, i, "match=", &c->match_name))
        return read_match(call, i, c);
    if (conf_arg_is(call, i, "type=", &value))
        return read_type(call, i, w, value);
    if (str_eq(text, STR("mandatory")))
        c->mandatory = true;
    else if (str_eq(text, STR("persistent")))
        c->persistent = true;
    else if (str_eq(text, STR("tls")) && call->scope->kind == IN_UPSTREAM)
        w->tls = true;
    else
        return conf_fail_parameter(call, i);
    return true;
}

static bool parameters_agree(struct conf_call *call, const struct wish *w)
{
    const struct health_check *c = w->check;

    if (c->persistent && !c->mandatory)
        return conf_fail(call, "\"persistent\" of a health check requires \"mandatory\"");
    if ((w->tcp || w->grpc) && (c->match != NULL || c->uri.len > 0))
        return conf_fail(call, "\"uri\" and \"match\" of a health check have no meaning with "
                               "\"type=%s\"", w->tcp ? "tcp" : "grpc");
    return true;
}

static bool add_check(struct conf_call *call)
{
    struct health_check_conf *conf = call->conf;
    struct wish w = {.check = pool_zalloc(call->pool, sizeof(*w.check))};

    *w.check = (struct health_check){.interval_ms = 5000, .fails = 1, .passes = 1,
                                     .match_name = STR(""), .uri = STR(""), .node = call->node};
    for (uint32_t i = 0; i < call->count; i++)
        if (!read_parameter(call, i, &w))
            return false;
    if (!parameters_agree(call, &w))
        return false;
    if (w.check->uri.len == 0)
        w.check->uri = w.grpc ? STR(GRPC_HEALTH_PATH) : STR("/");
    *(struct wish *)array_push(origin_list(call, &conf->checks, sizeof(w))) = w;
    return true;
}

/* What is asked, and where --------------------------------------------------------------------- */

static bool is_ours_to_say(struct str name)
{
    return str_eq_nocase(name, STR("Connection")) || str_eq_nocase(name, STR("Upgrade"));
}

/* The location's fields. Whether the connection is kept is the check's own affair. */
static struct send_plan *make_plan(struct conf_call *call, const struct send_plan *from, bool keeps)
{
    struct send_plan *plan = pool_alloc(call->pool, sizeof(*plan));
    struct send_field close = {.name = STR("Connection"), .id = FIELD_CONNECTION,
                               .kind = SEND_TEMPLATE};
    const char *why;

    *plan = *from;
    plan->count = 0;
    plan->fields = pool_alloc(call->pool, (from->count + 1) * sizeof(*plan->fields));
    for (uint32_t i = 0; i < from->count; i++)
        if (!is_ours_to_say(from->fields[i].name))
            plan->fields[plan->count++] = from->fields[i];
    close.value = template_compile(call->pool, &call->gen->http_vars, STR("close"), &why);
    must(close.value != NULL);
    if (!keeps)
        plan->fields[plan->count++] = close;
    plan->sets_upgrade = true;
    return plan;
}

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, PROXY_CONF(r)->http_version == 20 ? &proxy_h2 : &proxy_h1);
}

static uint32_t hash_more(uint32_t hash, struct str text)
{
    return hash * 31 + (uint32_t)str_hash_fixed(text);
}

/* By what a check asks it is known again after a reload. */
static uint32_t key_of(const struct wish *w, const struct http_check *talk)
{
    const struct health_check *c = w->check;
    const struct proxy_pass *pass = talk->conf->pass;
    uint32_t hash = (uint32_t)(w->tcp + 2 * c->port);

    hash = hash_more(hash + (uint32_t)w->status, w->service);
    hash = hash_more(hash, c->uri);
    hash = hash_more(hash, c->match_name);
    hash = hash_more(hash, pass->scheme);
    hash = hash_more(hash, pass->host);
    for (uint32_t i = 0; talk->plan != NULL && i < talk->plan->count; i++)
        if (talk->plan->fields[i].kind == SEND_TEMPLATE)
            hash = hash_more(hash_more(hash, talk->plan->fields[i].name),
                             talk->plan->fields[i].value->source);
    return hash == 0 ? 1 : hash;
}

/* To connect and no more. */
static const struct dial_options *plain_dial(struct pool *pool, const struct dial_options *from)
{
    struct dial_options *own = pool_zalloc(pool, sizeof(*own));

    own->exchange = from->exchange;
    return own;
}

static bool finish_check(struct conf_call *call, struct upstream_group *group, struct wish *w,
                         struct http_check *talk)
{
    struct health_check *c = w->check;
    const struct origin_conf *conf = talk->conf;
    const struct template *name = conf->tls.name;

    talk->vars = &call->gen->http_vars;
    talk->http = call->gen->http;
    if (w->grpc)
        talk->grpc = probe_grpc_make(call->pool, w->service, w->status);
    if (talk->index == proxy_index || talk->index == grpc_index)
        talk->plan = make_plan(call, ((const struct proxy_conf *)(const void *)conf)->plan,
                               c->keepalive_time_ms > 0);
    if (c->timeout_ms == 0)
        c->timeout_ms = conf->dial.exchange.connect_timeout_ms + conf->read_timeout_ms;
    c->group = group;
    c->talk = talk;
    c->ops = w->tcp ? &probe_tcp : &probe_http;
    c->dial = plain_dial(call->pool, &conf->dial);
    c->secure = conf->pass->tls ? &conf->tls.secure : NULL;
    if (c->secure != NULL && conf->tls.chooses)
        conf_warn(call, "a health check has no variables: it shows no certificate");
    c->secure_name = name != NULL && name->constant ? name->source : conf->pass->host;
    c->key = key_of(w, talk);
    return check_add(group, c) ||
           conf_fail_at(call->gen, c->node,
                        "more than %d different health checks of upstream \"%" STR_FMT "\"",
                        CHECKS_MOST, STR_ARG(group->name));
}

/* In a location -------------------------------------------------------------------------------- */

/* The module that passes on what comes to this scope, and its struct there. */
static struct origin_conf *find_speaker(const struct conf_scope *scope, uint32_t *index)
{
    for (size_t i = 0; i < COUNT(speakers); i++) {
        struct origin_conf *conf = CONF(scope, *speakers[i], struct origin_conf);

        if (conf == NULL || conf->pass == NULL)
            continue;
        *index = *speakers[i];
        return conf;
    }
    return NULL;
}

static bool check_location(struct conf_call *call, struct wish *w)
{
    struct http_check *talk = pool_zalloc(call->pool, sizeof(*talk));

    talk->location = call->scope->owner;
    talk->scope_conf = call->scope->conf;
    talk->conf = find_speaker(call->scope, &talk->index);
    if (talk->conf == NULL)
        return conf_fail_at(call->gen, w->check->node,
                            "\"health_check\" in a location that passes requests nowhere");
    if (talk->conf->pass->group == NULL)
        return conf_fail_at(call->gen, w->check->node,
                            "\"health_check\" in a location whose upstream is made of variables");
    if (w->grpc && talk->index != grpc_index)
        return conf_fail_at(call->gen, w->check->node,
                            "\"health_check\" with \"type=grpc\" in a location without "
                            "\"grpc_pass\"");
    talk->conf_bytes = modules[talk->index]->conf_size;
    talk->handler = talk->location->handler;
    talk->memcached = talk->index == memcached_index;
    if (talk->memcached)
        talk->key = var_use(&call->gen->http_vars, STR("memcached_key"));
    return finish_check(call, talk->conf->pass->group, w, talk);
}

/* In an upstream ------------------------------------------------------------------------------- */

static bool finish_tls(struct conf_call *call, struct proxy_conf *own)
{
    struct conf_call as_proxy = *call;

    as_proxy.module = &proxy_module;
    if (!origin_tls_finish(&as_proxy, &own->origin.tls))
        return false;
    own->origin.tls.secure.alpn = own->http_version == 20 ? H2_ALPN : STR_NONE;
    return true;
}

static bool check_upstream(struct conf_call *call, struct wish *w)
{
    struct upstream_group *group = call->scope->owner;
    struct http_check *talk = pool_zalloc(call->pool, sizeof(*talk));
    struct proxy_conf *own = pool_alloc(call->pool, sizeof(*own));
    struct proxy_pass *pass = pool_zalloc(call->pool, sizeof(*pass));

    *pass = (struct proxy_pass){
        .group = group, .scheme = w->tls ? STR("https://") : STR("http://"), .host = group->name,
        .port = w->tls ? STR("443") : STR("80"), .uri = STR(""), .tls = w->tls,
    };
    *own = *CONF(call->scope->parent, proxy_index, struct proxy_conf);
    own->origin.pass = pass;
    if (w->grpc) {
        own->http_version = 20;
        own->origin.dial.shared = &h2_shared;
        own->origin.pass_headers = true;
    }
    if (w->tls && !finish_tls(call, own))
        return false;
    talk->index = proxy_index;
    talk->conf = &own->origin;
    talk->conf_bytes = sizeof(*own);
    talk->scope_conf = call->scope->parent->conf;
    talk->handler = pass_on;
    if (w->check->timeout_ms == 0)
        w->check->timeout_ms = IN_UPSTREAM_TIMEOUT_MS;
    return finish_check(call, group, w, talk);
}

static bool scope_done(struct conf_call *call)
{
    const struct health_check_conf *conf = call->conf;
    bool good = true;

    if (conf->checks == NULL)
        return true;
    EACH (struct wish, w, conf->checks)
        good &= call->scope->kind == IN_UPSTREAM ? check_upstream(call, w)
                                                 : check_location(call, w);
    return good;
}

/* Without a server nobody asks for anything. */
static bool load_done(struct generation *gen)
{
    struct upstream_set *set = gen->upstreams;
    const struct http_conf *http = gen->http;

    if (set == NULL || (http != NULL && http->servers != NULL))
        return true;
    for (struct upstream_group *g = set->first; g != NULL; g = g->next)
        g->checks = NULL;
    return true;
}

#define F(member) FIELD(struct health_check_conf, member)

static const struct directive directives[] = {
    {.name = "health_check", .where = IN_LOCATION | IN_UPSTREAM,
     .args = "[interval=time] [jitter=time] [timeout=time] [fails=number] [passes=number] "
             "[uri=path] [port=number] [match=name] [type=http|tcp|grpc] [grpc_service=name] "
             "[grpc_status=code] [mandatory] [persistent] [keepalive_time=time] [tls]",
     .field = F(checks), .repeat = true, .local = true, .apply = add_check,
     .doc = "Asks each server of the group that the location passes requests to, or of the "
            "upstream, again and again; one that fails gets no requests until it is well. "
            "Parameters: interval=time (5s), jitter=time (0: how much later at most), "
            "fails=number (1: failures in a row that make it unhealthy), passes=number (1), "
            "uri=path (/), port=number, match=name, type=http|tcp|grpc [grpc_service=name] "
            "[grpc_status=code: one that will do, too], mandatory [persistent] (no "
            "requests before the first check; with \"persistent\" not anew after a reload), "
            "keepalive_time=time (0: a connection for each check), timeout=time (for a whole "
            "check; by default connecting and reading may take what they may in that location, "
            "and 5s in an upstream), and tls in an upstream: over TLS, as proxy_ssl_ directives "
            "of the http block say."},
    {.name = "match", .where = IN_HTTP, .args = "name { }", .raw_block = true, .repeat = true,
     .field = F(matches), .apply = add_match,
     .doc = "Tests that the answer to a health check has to pass, all of them: \"status 200 "
            "301-399\", \"status ! 500\", \"header name\", \"header ! name\", \"header name = "
            "value\", with != ~ !~ ~* !~* too, \"body ~ pattern\", \"body !~ pattern\", \"require "
            "$variable ...\" (neither empty nor 0). Of a body the first 256k count."},
};

const struct module health_check_module = {
    .name = "health_check", .nginx_name = "http_upstream_hc_module",
    .doc = "Health checks of origins.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct health_check_conf),
    .scope_done = scope_done,
    .load_done = load_done,
    .index = &health_check_index,
};
