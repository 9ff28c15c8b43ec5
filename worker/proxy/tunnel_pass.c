/*
 * worker/proxy/tunnel_pass.c - CONNECT: the client's connection becomes one to where it asks
 * (RFC 9110, 9.3.6).
 *
 * Nothing is said to the other end: once it is connected the client is told so, and bytes go both
 * ways. Who may connect where is the configuration's business: CONNECT passes every phase as other
 * requests do, and tunnel_allow_upstream is asked of the addresses that names have led to. Without
 * tunnel_pass it is refused before any of that.
 */
#include "worker/proxy/tunnel_pass.h"

#include "common/generation.h"
#include "worker/http/http_block.h"
#include "worker/http/server.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/origin_rows.h"
#include "worker/proxy/proxy_run.h"

struct tunnel_conf {
    struct origin_conf origin; /* first */
};

static uint32_t tunnel_index;

static bool say_nothing(struct proxy_run *run)
{
    run->uri = STR("");
    return true;
}

static const struct proxy_codec tunnel_codec = {
    .name = "tunnel", .index = &tunnel_index, .raw = true, .target = origin_pass_target,
    .write_head = say_nothing,
};

static enum verdict connect_client(struct request *r)
{
    const struct tunnel_conf *conf = REQUEST_CONF(r, tunnel_index, struct tunnel_conf);

    if (conf->origin.pass == NULL || r->version > 11 || r != r->main)
        return request_fail(r, 405, "request.method");
    return proxy_run_request(r, &tunnel_codec);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("")};
    struct tunnel_conf *conf = call->conf;

    http_block_server(call->scope)->connect = connect_client;
    conf->origin.pass = origin_pass_make(
        call, &schemes, call->count > 0 ? conf_arg(call, 0) : STR("$host:$request_port"));
    return conf->origin.pass != NULL;
}

static bool scope_done(struct conf_call *call)
{
    static const char *const hidden[] = {NULL};

    return origin_finish(call, hidden);
}

static const struct word next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"denied", NEXT_DENIED}, {"same", NEXT_SAME},
    {"off", NEXT_OFF}, {NULL, 0},
};

static const struct directive directives[] = {
    {.name = "tunnel_pass", .where = IN_SERVER | IN_LOCATION | IN_LOCATION_IF, .args = "[address]",
     .field = ORIGIN(pass), .into_if = true, .apply = set_pass,
     .doc = "Answers CONNECT with a tunnel to this address, host:port, unix:path or an upstream; "
            "unless given, to where the client asks: `$host:$request_port`. Only "
            "`tunnel_allow_upstream`, `deny` and their like keep it from being open to all."},
    ORIGIN_REACH_ROWS("tunnel", "error|timeout|denied|same|off ...", next_words),
    ORIGIN_SOCKET_ROWS("tunnel"),
    ORIGIN_LOWAT_ROWS("tunnel"),
    {.name = "tunnel_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = ORIGIN(buffer_bytes), .min = 256, .max = 64 << 20, .initial = "16k",
     .doc = "How much is read at once in each direction of a tunnel, up to 64k, and so how much "
            "may be kept of what a slow reader does not take."},
};

const struct module tunnel_pass_module = {
    .name = "tunnel", .nginx_name = "http_tunnel_module",
    .doc = "Tunnels for CONNECT.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct tunnel_conf),
    .scope_done = scope_done,
    .index = &tunnel_index,
};
