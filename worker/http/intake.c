/*
 * worker/http/intake.c - what every protocol does with a head that it has read: limits, the target,
 * the server.
 */
#include "worker/http/intake.h"

#include "worker/http/server_names.h"

void intake_limits(const struct http_core_conf *conf, struct h1_limits *limits)
{
    int64_t line = MAX(conf->large_header_buffers.bytes, conf->client_header_buffer_bytes);

    limits->line_bytes = (uint32_t)line;
    limits->head_bytes = (uint32_t)MAX(conf->large_header_buffers.number *
                                       conf->large_header_buffers.bytes, line);
    limits->fields = (uint32_t)conf->max_headers;
    limits->ignore_invalid = conf->ignore_invalid_headers;
    limits->underscores = conf->underscores_in_headers;
}

enum uri_fault intake_target(struct request *r, struct str target)
{
    struct uri uri;
    enum uri_fault fault = uri_parse(&uri, target, HTTP_CORE(r)->merge_slashes, request_pool(r));

    if (fault != URI_OK)
        return fault;
    r->uri = uri.path;
    r->args = uri.args;
    r->ext = uri.ext;
    r->uri_raw_ok = !str_starts(target, STR("?")); /* as after an authority: no path to pass on */
    r->uri_quoted = uri.quoted;
    return URI_OK;
}

static struct str lower_host(struct request *r, struct str host)
{
    char *copy = pool_bytes(request_pool(r), host.len);

    for (size_t i = 0; i < host.len; i++)
        copy[i] = ascii_lower(host.data[i]);
    return (struct str){copy, host.len};
}

void intake_server(struct request *r, const struct http_address *address, struct str host,
                   bool has_upper)
{
    r->has_host = host.data != NULL;
    if (r->has_host)
        r->host = has_upper ? lower_host(r, host) : host;
    r->server = server_names_find(&r->scope, address, r->host);
    request_enter(r, &r->server->base);
}

const char *intake_reason(enum h1_fault fault)
{
    switch (fault) {
    case H1_FAULT_METHOD:
    case H1_FAULT_REQUEST_LINE:
    case H1_FAULT_HTTP09_METHOD:
        return "request.line";
    case H1_FAULT_TARGET:
        return "request.uri";
    case H1_FAULT_TARGET_HOST:
    case H1_FAULT_HOST_MISSING:
    case H1_FAULT_HOST_DUPLICATE:
    case H1_FAULT_HOST:
        return "request.host";
    case H1_FAULT_VERSION:
    case H1_FAULT_VERSION_UNSUPPORTED:
        return "request.version";
    case H1_FAULT_LINE_TOO_LONG:
        return "request.line_too_long";
    case H1_FAULT_FIELD_TOO_LONG:
    case H1_FAULT_HEAD_TOO_LARGE:
    case H1_FAULT_TOO_MANY_FIELDS:
        return "request.head_too_large";
    case H1_FAULT_NO_MEMORY:
        return "memory.low";
    case H1_FAULT_LENGTH:
    case H1_FAULT_LENGTH_DUPLICATE:
    case H1_FAULT_LENGTH_WITH_CODING:
    case H1_FAULT_CODING_UNKNOWN:
    case H1_FAULT_CODING_DUPLICATE:
    case H1_FAULT_CODING_IN_10:
        return "request.framing";
    default:
        return "request.header";
    }
}
