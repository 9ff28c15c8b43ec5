/*
 * worker/proxy/grpc.c - grpc_pass and its kin: HTTP/2 to an origin, nothing buffered in either
 * direction, trailers both ways.
 */
#include "worker/proxy/grpc.h"

#include "worker/codec/grpc.h"
#include "worker/h2/h2_client.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/origin_rows.h"
#include "worker/proxy/proxy_h2.h"
#include "worker/proxy/proxy_plan.h"

#define GRACE_MS 1000 /* for the client to notice by itself */

uint32_t grpc_index;

/* Its client waits no longer than that; neither does anybody else, but a little: the client's own
   word for it (DEADLINE_EXCEEDED) is better than our 504. */
static bool write_head(struct proxy_run *run)
{
    const struct http_field *timeout = fields_find_name(run->r->fields, STR("grpc-timeout"));
    int64_t ms = timeout == NULL ? -1 : grpc_timeout_ms(timeout->value);

    if (ms >= 0)
        run->client_ms = ms + GRACE_MS;
    return proxy_h2_write_head(run);
}

static const struct proxy_codec codec = {
    PROXY_H2_CODEC_BUT_HEAD, .write_head = write_head, .name = "grpc", .index = &grpc_index,
    .target = origin_pass_target, .trailers = true,
};

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, &codec);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("grpc://"),
                                                  .secure = STR_INIT("grpcs://")};

    return origin_pass_load(call, &schemes, pass_on);
}

/* Fields of answers that clients do not see unless grpc_pass_header names them. */
static const char *const hidden[] = {
    "Date", "Server", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate",
    "X-Accel-Buffering", "X-Accel-Charset", NULL,
};

static bool scope_done(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;
    struct origin_conf *origin = &conf->origin;

    origin->dial.keepalive = origin->open_ended = origin->pass_headers = origin->pass_body = true;
    origin->dial.shared = &h2_shared;
    conf->http_version = 20;
    origin->pass_request_trailers = true;
    proxy_plan_finish(call);
    if (!origin_finish(call, hidden))
        return false;
    origin->tls.secure.alpn = H2_ALPN;
    return true;
}

static const struct word next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"invalid_header", NEXT_INVALID_HEADER},
    {"non_idempotent", NEXT_NON_IDEMPOTENT}, {"http_500", NEXT_500}, {"http_502", NEXT_502},
    {"http_503", NEXT_503}, {"http_504", NEXT_504}, {"http_403", NEXT_403},
    {"http_404", NEXT_404}, {"http_429", NEXT_429}, {"same", NEXT_SAME},
    {"denied", NEXT_DENIED}, {"off", NEXT_OFF},
    {NULL, 0},
};

static const struct directive directives[] = {
    {.name = "grpc_pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "address",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to a gRPC server: an upstream, host:port or unix:path, with grpc:// "
            "or grpcs:// before it. Trailers go both ways; those of requests, which gRPC itself "
            "has no use for, as with `proxy_pass_request_trailers`."},
    {.name = "grpc_set_header", .where = IN_WEB, .args = "field value",
     .field = FIELD(struct proxy_conf, set_headers), .repeat = true,
     .apply = proxy_plan_set_header,
     .doc = "Sends this field to the origin in place of the client's; an empty value: neither."},
    ORIGIN_WAY_ROWS("grpc", "what ...", next_words),
    ORIGIN_SOCKET_ROWS("grpc"),
    ORIGIN_HEAD_ROWS("grpc"),
    ORIGIN_TLS_ROWS("grpc"),
};

const struct module grpc_module = {
    .name = "grpc", .nginx_name = "http_grpc_module",
    .doc = "Passing requests to gRPC servers.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct proxy_conf),
    .scope_done = scope_done,
    .index = &grpc_index,
};
