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
    r->uri_raw_ok = true;
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
