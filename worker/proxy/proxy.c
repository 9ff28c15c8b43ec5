/*
 * worker/proxy/proxy.c - the directives of proxy_pass and its kin.
 */
#include "worker/proxy/proxy.h"

#include "common/generation.h"
#include "common/temp_path.h"
#include "worker/http/http_block.h"
#include "worker/proxy/proxy_plan.h"
#include "worker/proxy/proxy_rewrite.h"
#include "worker/proxy/proxy_run.h"
#include "worker/proxy/proxy_url.h"
#include "worker/proxy/upstream_vars.h"

uint32_t proxy_index;

static bool set_pass(struct conf_call *call)
{
    struct location *location = call->scope->owner;

    if (!proxy_url_load(call))
        return false;
    location->handler = proxy_run_request;
    if (call->scope->kind == IN_LOCATION && location->kind != LOCATION_REGEX &&
        str_ends(location->name, STR("/")))
        location->auto_redirect = true;
    return true;
}

static bool set_bind(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    const char *why;

    conf->dial.exchange.bind = NULL;
    if (str_eq(text, STR("off")))
        return true;
    if (template_has_vars(text) || call->count > 1)
        return conf_fail_arg(call, call->count - 1, "only a fixed address is supported here");
    conf->bind = pool_zalloc(call->pool, sizeof(*conf->bind));
    if (!addr_parse(conf->bind, text, 0, &why))
        return conf_fail_arg(call, 0, "invalid address \"%" STR_FMT "\": %s", STR_ARG(text), why);
    conf->dial.exchange.bind = conf->bind;
    return true;
}

static bool set_temp_path(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    conf->temp = temp_path_load(call);
    return conf->temp != NULL;
}

/* 0 or at least one buffer. */
static bool check_temp_size(struct conf_call *call)
{
    const struct proxy_conf *conf = call->conf;

    if (conf->max_temp_bytes == 0 || conf->max_temp_bytes >= conf->buffer_bytes)
        return true;
    return conf_fail_at(call->gen, call->node,
                        "\"proxy_max_temp_file_size\" must be equal to zero to disable temporary "
                        "files usage or must be equal to or greater than the maximum of the value "
                        "of \"proxy_buffer_size\" and one of the \"proxy_buffers\"");
}

static bool check_busy_size(struct conf_call *call)
{
    const struct proxy_conf *conf = call->conf;
    int64_t all = conf->buffers.number * conf->buffers.bytes;

    if (conf->buffers.number < 2)
        return conf_fail_at(call->gen, call->node, "there must be at least 2 \"proxy_buffers\"");
    if (conf->busy_bytes == 0)
        return true;
    if (conf->busy_bytes < MAX(conf->buffer_bytes, conf->buffers.bytes))
        return conf_fail_at(call->gen, call->node,
                            "\"proxy_busy_buffers_size\" must be equal to or greater than the "
                            "maximum of the value of \"proxy_buffer_size\" and one of the "
                            "\"proxy_buffers\"");
    return conf->busy_bytes <= all - conf->buffers.bytes ||
           conf_fail_at(call->gen, call->node,
                        "\"proxy_busy_buffers_size\" must be less than the size of all "
                        "\"proxy_buffers\" minus one buffer");
}

static bool scope_done(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    conf->dial.exchange.place = conf;
    if ((conf->next & NEXT_OFF) == 0)
        conf->dial.retry = (uint32_t)conf->next & (NEXT_ERROR | NEXT_TIMEOUT);
    else
        conf->dial.retry = 0;
    conf->dial.keepalive = conf->http_version == 11;
    if (!proxy_plan_finish(call))
        return false;
    return check_busy_size(call) && check_temp_size(call);
}

static const struct word versions[] = {{"1.0", 10}, {"1.1", 11}, {NULL, 0}};

static const struct word next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"invalid_header", NEXT_INVALID_HEADER},
    {"non_idempotent", NEXT_NON_IDEMPOTENT}, {"http_500", NEXT_500}, {"http_502", NEXT_502},
    {"http_503", NEXT_503}, {"http_504", NEXT_504}, {"http_403", NEXT_403},
    {"http_404", NEXT_404}, {"http_429", NEXT_429}, {"off", NEXT_OFF}, {NULL, 0},
};

static const struct word ignore_words[] = {
    {"X-Accel-Redirect", IGNORE_ACCEL_REDIRECT}, {"X-Accel-Expires", IGNORE_ACCEL_EXPIRES},
    {"X-Accel-Limit-Rate", IGNORE_ACCEL_LIMIT_RATE}, {"X-Accel-Buffering", IGNORE_ACCEL_BUFFERING},
    {"X-Accel-Charset", IGNORE_ACCEL_CHARSET}, {"Expires", IGNORE_EXPIRES},
    {"Cache-Control", IGNORE_CACHE_CONTROL}, {"Set-Cookie", IGNORE_SET_COOKIE},
    {"Vary", IGNORE_VARY}, {NULL, 0},
};

#define F(member) FIELD(struct proxy_conf, member)

static const struct directive directives[] = {
    {.name = "proxy_pass", .where = IN_LOCATION | IN_LOCATION_IF | IN_LIMIT_EXCEPT, .args = "URL",
     .field = F(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to an origin: http:// with a host, an upstream or unix:path:, and a "
            "path that takes the place of the location's."},
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
     .doc = "Adds or removes Secure, HttpOnly and SameSite of cookies that the origin sets."},
    {.name = "proxy_set_header", .where = IN_WEB, .args = "field value", .field = F(set_headers),
     .repeat = true, .apply = proxy_plan_set_header,
     .doc = "Sends this field to the origin in place of the client's; an empty value: neither."},
    {.name = "proxy_set_body", .where = IN_WEB, .args = "value", .value = VALUE_TEMPLATE,
     .field = F(set_body), .doc = "Sends this to the origin in place of the client's body."},
    {.name = "proxy_method", .where = IN_WEB, .args = "method", .value = VALUE_TEMPLATE,
     .field = F(method), .doc = "Sends this method to the origin in place of the client's."},
    {.name = "proxy_pass_request_headers", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(pass_headers), .initial = "on", .doc = "Whether the client's fields are sent."},
    {.name = "proxy_pass_request_body", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(pass_body), .initial = "on", .doc = "Whether the client's body is sent."},
    {.name = "proxy_http_version", .where = IN_WEB, .args = "1.0|1.1", .value = VALUE_ENUM,
     .field = F(http_version), .words = versions, .initial = "1.1",
     .doc = "The version of HTTP spoken to origins. 1.0 uses each connection once."},
    {.name = "proxy_hide_header", .where = IN_WEB, .args = "field", .field = F(hide),
     .repeat = true, .apply = proxy_plan_hide,
     .doc = "A field of the answer that the client does not see."},
    {.name = "proxy_pass_header", .where = IN_WEB, .args = "field", .field = F(pass_names),
     .repeat = true, .apply = proxy_plan_pass,
     .doc = "A field of the answer that the client sees although it is hidden by default."},
    {.name = "proxy_ignore_headers", .where = IN_WEB, .args = "field ...", .value = VALUE_BITS,
     .field = F(ignore), .words = ignore_words,
     .doc = "Fields of the answer that have no effect here."},
    {.name = "proxy_intercept_errors", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(intercept_errors), .initial = "off",
     .doc = "Whether error_page applies to errors that the origin answers with."},
    {.name = "proxy_pass_trailers", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(pass_trailers), .initial = "off",
     .doc = "Whether fields behind the body of an answer go to the client."},
    {.name = "proxy_buffering", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(buffering), .initial = "on",
     .doc = "Read answers ahead of a slow client, so that the origin is free soon."},
    {.name = "proxy_request_buffering", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(request_buffering), .initial = "on",
     .doc = "Read all of the client's body before the origin is asked."},
    {.name = "proxy_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(buffer_bytes), .min = 256, .max = 64 << 20, .initial = "4k",
     .doc = "The largest head of an answer."},
    {.name = "proxy_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(buffers), .initial = "8 4k",
     .doc = "Memory for one answer that is on its way: number times size."},
    {.name = "proxy_busy_buffers_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(busy_bytes),
     .notice = "what is being sent never delays reading; proxy_buffers is the bound",
     .doc = "Accepted; buffers being sent to the client count as part of proxy_buffers."},
    {.name = "proxy_limit_rate", .where = IN_WEB, .args = "rate", .value = VALUE_SIZE,
     .field = F(limit_rate), .initial = "0",
     .doc = "Bytes per second that are read of an answer; 0: as they come."},
    {.name = "proxy_max_temp_file_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(max_temp_bytes), .initial = "1024m",
     .doc = "How much of an answer may wait in a temporary file for a slow client; 0: nothing."},
    {.name = "proxy_temp_file_write_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(temp_write_bytes), .notice = "files are written in pieces as large as were read",
     .doc = "Accepted; files are written in pieces as large as were read."},
    {.name = "proxy_temp_path", .where = IN_WEB, .args = "path [level1] [level2] [level3]",
     .initial = "proxy_temp", .apply = set_temp_path,
     .doc = "The directory of temporary files."},
    {.name = "proxy_connect_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(dial.exchange.connect_timeout_ms), .initial = "60s",
     .doc = "How long connecting to an origin may take."},
    {.name = "proxy_send_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(send_timeout_ms), .initial = "60s",
     .doc = "How long an origin may take to accept more of a request."},
    {.name = "proxy_read_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(read_timeout_ms), .initial = "60s",
     .doc = "How long an origin may be silent while it owes an answer."},
    {.name = "proxy_next_upstream", .where = IN_WEB, .args = "what ...", .value = VALUE_BITS,
     .field = F(next), .words = next_words, .initial = "error timeout",
     .doc = "What makes a request go to the next server of the group."},
    {.name = "proxy_next_upstream_tries", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(dial.tries), .initial = "0", .doc = "Servers tried at most; 0: all."},
    {.name = "proxy_next_upstream_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(dial.next_timeout_ms), .initial = "0",
     .doc = "No further server is tried after that time; 0: any time."},
    {.name = "proxy_bind", .where = IN_WEB, .args = "address|off", .apply = set_bind,
     .doc = "The local address of connections to origins."},
    {.name = "proxy_socket_keepalive", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(dial.exchange.socket_keepalive), .initial = "off",
     .doc = "TCP keepalive probes on connections to origins."},
    {.name = "proxy_socket_rcvbuf", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(dial.exchange.rcvbuf), .max = INT32_MAX,
     .doc = "The receive buffer of connections to origins."},
    {.name = "proxy_socket_sndbuf", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(dial.exchange.sndbuf), .max = INT32_MAX,
     .doc = "The send buffer of connections to origins."},
    {.name = "proxy_ignore_client_abort", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(ignore_client_abort), .initial = "off",
     .doc = "Go on with a request although its client has hung up."},
    {.name = "proxy_headers_hash_max_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(hash_size), .notice = "tables size themselves",
     .doc = "Accepted; tables size themselves."},
    {.name = "proxy_headers_hash_bucket_size", .where = IN_WEB, .args = "size",
     .value = VALUE_SIZE, .field = F(hash_size), .notice = "tables size themselves",
     .doc = "Accepted; tables size themselves."},
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
