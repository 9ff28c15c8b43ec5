/*
 * worker/proxy/proxy.c - the directives of proxy_pass and its kin.
 */
#include "worker/proxy/proxy.h"

#include "common/generation.h"
#include "worker/h2/h2_client.h"
#include "worker/http/http_block.h"
#include "worker/proxy/origin_rows.h"
#include "worker/proxy/proxy_plan.h"
#include "worker/proxy/proxy_rewrite.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/proxy_upgrade.h"
#include "worker/proxy/proxy_url.h"
#include "worker/proxy/store.h"
#include "worker/proxy/upstream_vars.h"

uint32_t proxy_index;

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, PROXY_CONF(r)->http_version == 20 ? &proxy_h2 : &proxy_h1);
}

static bool set_pass(struct conf_call *call)
{
    struct location *location = call->scope->owner;

    if (!proxy_url_load(call))
        return false;
    location->handler = pass_on;
    if (call->scope->kind == IN_LOCATION && location->kind != LOCATION_REGEX &&
        str_ends(location->name, STR("/")))
        location->auto_redirect = true;
    return true;
}

/* Fields of answers that clients do not see unless proxy_pass_header names them. */
static const char *const hidden[] = {
    "Date", "Server", "X-Pad", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate",
    "X-Accel-Buffering", "X-Accel-Charset", NULL,
};

static bool scope_done(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    conf->origin.dial.keepalive = conf->origin.open_ended = conf->http_version != 10;
    conf->origin.dial.shared = conf->http_version == 20 ? &h2_shared : NULL;
    proxy_plan_finish(call);
    if (!origin_finish(call, hidden))
        return false;
    if (conf->origin.pass != NULL && conf->protocol != 0 && conf->http_version == 20)
        return conf_fail_at(call->gen, call->node,
                            "\"proxy_protocol\" has no meaning with \"proxy_http_version 2\": "
                            "such connections serve many clients");
    conf->origin.tls.secure.alpn = conf->http_version == 20 ? H2_ALPN : STR_NONE;
    return true;
}

static const struct word versions[] = {{"1.0", 10}, {"1.1", 11}, {"2", 20}, {NULL, 0}};

static const struct word protocols[] = {{"off", 0}, {"on", 1}, {"v1", 1}, {"v2", 2}, {NULL, 0}};

static const struct word upgrades[] = {
    {"auto", UPGRADE_AUTO}, {"websocket", UPGRADE_WEBSOCKET}, {"any", UPGRADE_ANY},
    {"off", UPGRADE_OFF}, {NULL, 0},
};

static const struct word next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"invalid_header", NEXT_INVALID_HEADER},
    {"non_idempotent", NEXT_NON_IDEMPOTENT}, {"http_500", NEXT_500}, {"http_502", NEXT_502},
    {"http_503", NEXT_503}, {"http_504", NEXT_504}, {"http_403", NEXT_403},
    {"http_404", NEXT_404}, {"http_429", NEXT_429}, {"same", NEXT_SAME},
    {"denied", NEXT_DENIED}, {"off", NEXT_OFF},
    {NULL, 0},
};

#define F(member) FIELD(struct proxy_conf, member)

static const struct directive directives[] = {
    {.name = "proxy_pass", .where = IN_LOCATION | IN_LOCATION_IF | IN_LIMIT_EXCEPT, .args = "URL",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to an origin: http:// or https:// with a host, an upstream or "
            "unix:path:, and a path that takes the place of the location's."},
    {.name = "proxy_redirect", .where = IN_WEB, .args = "default|off|redirect [replacement]",
     .field = F(redirects), .repeat = true, .apply = proxy_redirect_load,
     .doc = "Changes the beginning of Location and Refresh in answers."},
    {.name = "proxy_cookie_domain", .where = IN_WEB, .args = "off|domain [replacement]",
     .field = F(cookie_domains), .repeat = true, .apply = proxy_cookie_domain_load,
     .doc = "Changes the domain of cookies that the origin sets."},
    {.name = "proxy_cookie_path", .where = IN_WEB, .args = "off|path [replacement]",
     .field = F(cookie_paths), .repeat = true, .apply = proxy_cookie_path_load,
     .doc = "Changes the path of cookies that the origin sets."},
    {.name = "proxy_cookie_flags", .where = IN_WEB, .args = "off|cookie [flag] [flag] [flag]",
     .field = F(cookie_flags), .repeat = true, .apply = proxy_cookie_flags_load,
     .doc = "Adds or removes Secure, HttpOnly and SameSite of cookies that the origin sets. Flags "
            "may be variables."},
    {.name = "proxy_set_header", .where = IN_WEB, .args = "field value", .field = F(set_headers),
     .repeat = true, .apply = proxy_plan_set_header,
     .doc = "Sends this field to the origin in place of the client's; an empty value: neither."},
    {.name = "proxy_set_body", .where = IN_WEB, .args = "value", .value = VALUE_TEMPLATE,
     .field = ORIGIN(set_body), .doc = "Sends this to the origin in place of the client's body."},
    {.name = "proxy_method", .where = IN_WEB, .args = "method", .value = VALUE_TEMPLATE,
     .field = F(method), .doc = "Sends this method to the origin in place of the client's."},
    {.name = "proxy_http_version", .where = IN_WEB, .args = "1.0|1.1|2", .value = VALUE_ENUM,
     .field = F(http_version), .words = versions, .initial = "1.1",
     .doc = "The version of HTTP spoken to origins. 1.0 uses each connection once; 2 is offered by "
            "ALPN to origins with TLS, and taken for granted of others."},
    {.name = "proxy_protocol", .where = IN_WEB, .args = "on|off|v1|v2", .value = VALUE_ENUM,
     .field = F(protocol), .words = protocols, .initial = "off",
     .doc = "Tells origins the client's address (as realip leaves it) and the one that it "
            "connected to in a PROXY header, before TLS and HTTP. `on` is version 1. Each "
            "connection then serves one request."},
    {.name = "proxy_upgrade", .where = IN_WEB, .args = "auto|websocket|any|off",
     .value = VALUE_ENUM, .field = F(upgrade), .words = upgrades, .initial = "auto",
     .doc = "Which requests to switch protocols reach the origin where proxy_set_header sets no "
            "Upgrade: handshakes of WebSocket, or all but those to other versions of HTTP. With "
            "\"auto\" those of WebSocket where it sets no Connection either."},
    {.name = "proxy_pass_trailers", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(pass_trailers), .initial = "off",
     .doc = "Whether fields behind the body of an answer go to the client."},
    {.name = "proxy_pass_request_trailers", .where = IN_WEB, .args = "on|off",
     .value = VALUE_FLAG, .field = ORIGIN(pass_request_trailers), .initial = "off",
     .doc = "Whether fields behind the body of a request go to the origin: over HTTP/2, and over "
            "HTTP/1.1 where the body goes in chunks (`proxy_request_buffering off`, and no "
            "Content-Length). Never those that have a meaning in the head alone, whose names "
            "proxy_set_header knows, or by which proxies speak of clients (X-Forwarded-...)."},
    {.name = "proxy_headers_hash_max_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(hash_size), .notice = "tables size themselves",
     .doc = "Accepted; tables size themselves."},
    {.name = "proxy_headers_hash_bucket_size", .where = IN_WEB, .args = "size",
     .value = VALUE_SIZE, .field = F(hash_size), .notice = "tables size themselves",
     .doc = "Accepted; tables size themselves."},
    ORIGIN_WAY_ROWS("proxy", "what ...", next_words),
    ORIGIN_SOCKET_ROWS("proxy"),
    ORIGIN_LOWAT_ROWS("proxy"),
    ORIGIN_HEAD_ROWS("proxy"),
    ORIGIN_BODY_ROWS("proxy"),
    ORIGIN_STORE_ROWS("proxy"),
    ORIGIN_TLS_ROWS("proxy"),
};

/* A Content-Type that came with X-Accel-Redirect holds for what is sent in its place. */
static void filter(struct request *r)
{
    const struct upstream_summary *summary = r->upstreams;

    if (summary != NULL && summary->accel_type.len > 0 && !r->out.is_error_page &&
        r->out.status < 300)
        r->out.type = summary->accel_type;
}

const struct module proxy_module = {
    .name = "proxy", .nginx_name = "http_proxy_module",
    .doc = "Passing requests to HTTP origins.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct proxy_conf),
    .scope_done = scope_done,
    .filter = filter,
    .index = &proxy_index,
};
