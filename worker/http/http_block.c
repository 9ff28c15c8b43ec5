/*
 * worker/http/http_block.c - the blocks that give an http configuration its shape.
 */
#include "worker/http/http_block.h"

#include <unistd.h>

#include "common/generation.h"
#include "common/role.h"
#include "worker/http/listen.h"
#include "worker/http/phase.h"
#include "worker/http/server_names.h"
#include "worker/net/scope_regex.h"

struct http_server *http_block_server(const struct conf_scope *scope)
{
    while (scope->kind != IN_SERVER)
        scope = scope->parent;
    return scope->owner;
}

struct location *http_block_location(const struct conf_scope *scope)
{
    while (scope != NULL && scope->kind != IN_LOCATION)
        scope = scope->kind == IN_SERVER || scope->kind == IN_HTTP ? NULL : scope->parent;
    return scope == NULL ? NULL : scope->owner;
}

static bool open_http(struct conf_call *call)
{
    struct http_conf *http = pool_zalloc(call->pool, sizeof(*http));

    if (call->gen->http != NULL)
        return conf_fail(call, "\"http\" directive is duplicate");
    http->last_server = &http->servers;
    http->scope = call->inner;
    call->gen->http = http;
    call->inner_owner = http;
    return true;
}

static bool open_server(struct conf_call *call)
{
    struct http_conf *http = call->gen->http;
    struct http_server *server = pool_zalloc(call->pool, sizeof(*server));

    server->names = array_of(struct server_name, call->pool);
    growing_map_init(&server->named, call->pool);
    server->listens = array_of(struct listen_spec *, call->pool);
    server->node = call->node;
    server->last_wish = &server->wishes;
    server->scope = server->base.scope = call->inner;
    server->base.server = server;
    *http->last_server = server;
    http->last_server = &server->next;
    call->inner_owner = server;
    return true;
}

static bool open_location(struct conf_call *call)
{
    struct http_server *server = http_block_server(call->scope);
    struct location *outer = http_block_location(call->scope);

    call->inner_owner = location_add(call, outer != NULL ? &outer->inner : &server->locations,
                                     outer, server);
    return call->inner_owner != NULL;
}

struct location *http_block_inside(struct conf_call *call)
{
    struct http_conf *http = call->gen->http;
    struct location *outer = http_block_location(call->scope);
    struct location *inner = pool_zalloc(call->pool, sizeof(*inner));

    inner->kind = LOCATION_IF;
    inner->node = call->node;
    inner->scope = call->inner;
    inner->parent = outer;
    inner->server = http_block_server(call->scope);
    if (outer != NULL) {
        inner->name = outer->name;
        inner->next = http->inside;
        http->inside = inner;
    }
    call->inner_owner = inner;
    return inner;
}

static bool set_listen(struct conf_call *call)
{
    return listen_load(call, call->scope->owner);
}

static bool set_server_name(struct conf_call *call)
{
    return server_names_load(call, call->scope->owner);
}

static bool set_internal(struct conf_call *call)
{
    http_block_location(call->scope)->internal = true;
    return true;
}

/* An `if` or limit_except without a content handler of its own has that of its location. */
static void inherit_handler(struct location *location)
{
    location->internal = location->parent->internal;
    if (location->handler == NULL) {
        location->handler = location->parent->handler;
        location->handler_conf = location->parent->handler_conf;
    }
}

static bool load_done(struct generation *gen)
{
    struct http_conf *http = gen->http;
    bool good;

    if (http == NULL)
        return true;
    for (struct location *l = http->inside; l != NULL; l = l->next)
        inherit_handler(l);
    good = listen_finish(gen, http);
    for (struct http_server *s = http->servers; s != NULL; s = s->next)
        good &= location_set_build(gen, s->locations);
    for (struct listen_spec *spec = gen->listens; spec != NULL; spec = spec->next) {
        if (spec->family == FAMILY_HTTP)
            good &= server_names_build(gen, spec->owner);
    }
    phase_collect(gen);
    return good;
}

static enum rc start(const struct child *child)
{
    phase_collect(child->gen);
    return RC_OK;
}

static const struct directive directives[] = {
    {.name = "http", .where = IN_MAIN, .args = "{ }", .opens = IN_HTTP, .apply = open_http,
     .doc = "Everything that speaks HTTP."},
    {.name = "server", .where = IN_HTTP, .args = "{ }", .opens = IN_SERVER, .apply = open_server,
     .repeat = true, .doc = "One virtual server."},
    {.name = "location", .where = IN_SERVER | IN_LOCATION, .args = "[=|~|~*|^~] uri { }",
     .opens = IN_LOCATION, .apply = open_location, .repeat = true,
     .doc = "What holds for requests whose path begins with (or matches) the given one."},
    {.name = "listen", .where = IN_SERVER,
     .args = "address[:port]|port|unix:path [default_server] [ssl] [http2] [proxy_protocol] [bind] "
             "[reuseport] [deferred] [backlog=number] [rcvbuf=size] [sndbuf=size] "
             "[fastopen=number] [ipv6only=on|off] "
             "[so_keepalive=on|off|[idle]:[interval]:[count]] [option...]",
     .apply = set_listen, .repeat = true, .doc = "An address that the server answers at."},
    {.name = "server_name", .where = IN_SERVER, .args = "name ...", .apply = set_server_name,
     .repeat = true,
     .doc = "Host names of the server: exact, with a * at one end, or ~ and a regex."},
    {.name = "internal", .where = IN_LOCATION, .args = "", .apply = set_internal,
     .doc = "Only internal redirects and subrequests reach this location; others get 404."},
};

const struct module http_block_module = {
    .name = "http",
    .doc = "The blocks that give an http configuration its shape.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .load_done = load_done,
    .worker_start = start,
};
