/*
 * worker/h2/h2_obsolete.c - directives of HTTP/2 that configurations still have and nobody needs.
 *
 * nginx gave them up: it warns and goes on, and so do we.
 */
#include "worker/h2/h2_obsolete.h"

#include "common/conf_load.h"

static const struct {
    struct str name, instead;
} successors[] = {
    {STR_INIT("http2_max_field_size"), STR_INIT("large_client_header_buffers")},
    {STR_INIT("http2_max_header_size"), STR_INIT("large_client_header_buffers")},
    {STR_INIT("http2_max_requests"), STR_INIT("keepalive_requests")},
    {STR_INIT("http2_recv_timeout"), STR_INIT("client_header_timeout")},
    {STR_INIT("http2_idle_timeout"), STR_INIT("keepalive_timeout")},
};

static bool warn(struct conf_call *call)
{
    const char *name = call->directive->name;

    for (size_t i = 0; i < COUNT(successors); i++) {
        if (!str_eq(successors[i].name, str_of(name)))
            continue;
        conf_warn(call, "the \"%s\" directive is obsolete, use the \"%" STR_FMT
                        "\" directive instead", name, STR_ARG(successors[i].instead));
        return true;
    }
    conf_warn(call, "the \"%s\" directive is obsolete, ignored", name);
    return true;
}

static const struct directive directives[] = {
    {.name = "http2_max_field_size", .where = IN_HTTP | IN_SERVER, .args = "size", .apply = warn,
     .doc = "Obsolete, has no effect: see large_client_header_buffers."},
    {.name = "http2_max_header_size", .where = IN_HTTP | IN_SERVER, .args = "size", .apply = warn,
     .doc = "Obsolete, has no effect: see large_client_header_buffers."},
    {.name = "http2_max_requests", .where = IN_HTTP | IN_SERVER, .args = "number", .apply = warn,
     .doc = "Obsolete, has no effect: see keepalive_requests."},
    {.name = "http2_recv_timeout", .where = IN_HTTP | IN_SERVER, .args = "time", .apply = warn,
     .doc = "Obsolete, has no effect: see client_header_timeout."},
    {.name = "http2_idle_timeout", .where = IN_HTTP | IN_SERVER, .args = "time", .apply = warn,
     .doc = "Obsolete, has no effect: see keepalive_timeout."},
    {.name = "http2_push", .where = IN_WEB, .args = "uri|off", .apply = warn, .repeat = true,
     .doc = "Obsolete, has no effect: clients do not take pushed answers any more."},
    {.name = "http2_push_preload", .where = IN_WEB, .args = "on|off", .apply = warn,
     .doc = "Obsolete, has no effect: clients do not take pushed answers."},
    {.name = "http2_max_concurrent_pushes", .where = IN_HTTP | IN_SERVER, .args = "number",
     .apply = warn,
     .doc = "Obsolete, has no effect: clients do not take pushed answers."},
    {.name = "http2_pool_size", .where = IN_HTTP | IN_SERVER, .args = "size", .apply = warn,
     .doc = "Obsolete, has no effect: memory sizes itself."},
    {.name = "http2_streams_index_size", .where = IN_HTTP | IN_SERVER, .args = "number",
     .apply = warn,
     .doc = "Obsolete, has no effect: tables size themselves."},
};

const struct module h2_obsolete_module = {
    .name = "h2_obsolete",
    .doc = "Directives of HTTP/2 that have no effect any more.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
