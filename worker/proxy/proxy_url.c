/*
 * worker/proxy/proxy_url.c - from the text of a proxy_pass to a group of origins and a path.
 */
#include "worker/proxy/proxy_url.h"

#include "common/generation.h"
#include "worker/http/http_block.h"
#include "worker/proxy/origin_lookup.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

/* Behind "http://": where the path begins, or the query that stands in its place. */
static size_t uri_start(struct str text)
{
    size_t i = 0;

    while (i < text.len && text.data[i] != '/' && text.data[i] != '?')
        i++;
    return i;
}

static const char *split_unix(struct str text, struct proxy_url *out)
{
    ssize_t colon = str_find(str_from(text, 5), ':');

    out->host_port = colon < 0 ? text : (struct str){text.data, (size_t)colon + 5};
    out->uri = colon < 0 ? STR("") : str_from(text, (size_t)colon + 6);
    out->host = STR("localhost");
    out->port = STR("");
    return out->host_port.len > 5 ? NULL : "no path in the unix domain socket";
}

/* $proxy_host has the port unless it is the default, $proxy_port always. */
static const char *split_port(struct pool *pool, struct proxy_url *out)
{
    const char *why;
    int port;

    if (!addr_split(out->host_port, &out->host, &port, &why))
        return why;
    if (out->host.len == 0)
        return "no host";
    out->host = out->host_port;
    out->port = pool_printf(pool, "%d", port < 0 ? out->default_port : port);
    if (port == out->default_port)
        out->host.len = (size_t)str_rfind(out->host_port, ':');
    return NULL;
}

static const char BAD_PREFIX[] = "invalid URL prefix";

const char *proxy_url_split(struct pool *pool, struct str text, struct proxy_url *out)
{
    size_t at;

    *out = (struct proxy_url){.scheme = STR("http://"), .default_port = HTTP_PORT};
    out->tls = str_starts_nocase(text, STR("https://"));
    if (out->tls) {
        out->scheme = STR("https://");
        out->default_port = HTTPS_PORT;
    }
    if (!str_starts_nocase(text, out->scheme))
        return BAD_PREFIX;
    text = str_from(text, out->scheme.len);
    assert(text.data != NULL);
    if (str_starts_nocase(text, STR("unix:")))
        return split_unix(text, out);
    at = uri_start(text);
    out->host_port = (struct str){text.data, at};
    out->uri = str_from(text, at);
    if (at < text.len && text.data[at] == '?')
        out->uri = pool_printf(pool, "/%" STR_FMT, STR_ARG(out->uri));
    return split_port(pool, out);
}

static void fill_pass(struct pool *pool, struct proxy_pass *pass, const struct proxy_url *url)
{
    pass->scheme = url->scheme;
    pass->tls = url->tls;
    pass->host = url->host;
    pass->port = url->port;
    pass->uri = url->uri;
    pass->base = pool_printf(pool, "%" STR_FMT "%" STR_FMT "%" STR_FMT, STR_ARG(url->scheme),
                             STR_ARG(str_starts(url->host_port, STR("unix:")) ? url->host_port
                                                                            : url->host),
                             STR_ARG(url->uri.len > 0 ? url->uri : STR("/")));
}

/* At load -------------------------------------------------------------------------------------- */

static bool uri_is_allowed(struct conf_call *call, const struct location *location)
{
    if (location->kind != LOCATION_REGEX && location->kind != LOCATION_NAMED &&
        call->scope->kind == IN_LOCATION)
        return true;
    conf_fail_arg(call, 0, "\"proxy_pass\" cannot have URI part in location given by regular "
                           "expression, or inside named location, or inside \"if\" statement, or "
                           "inside \"limit_except\" block");
    return conf_hint(call, "leave out what follows host and port, or change the uri with rewrite");
}

static bool load_constant(struct conf_call *call, struct proxy_pass *pass)
{
    struct proxy_url url;
    const char *why = proxy_url_split(call->pool, conf_arg(call, 0), &url);

    if (why != NULL) {
        conf_fail_arg(call, 0, "%s in \"%" STR_FMT "\"", why, STR_ARG(conf_arg(call, 0)));
        return why == BAD_PREFIX && conf_hint(call, "it begins with http:// or https://");
    }
    if (url.uri.len > 0 && !uri_is_allowed(call, pass->location))
        return false;
    fill_pass(call->pool, pass, &url);
    pass->group = upstream_group_for(call, url.host_port, url.default_port, &why);
    return pass->group != NULL || conf_fail_arg(call, 0, "%s in upstream \"%" STR_FMT "\"", why,
                                                STR_ARG(url.host_port));
}

bool proxy_url_load(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;
    struct proxy_pass *pass = pool_zalloc(call->pool, sizeof(*pass));
    const char *why;

    pass->location = call->scope->owner;
    conf->pass = pass;
    if (!template_has_vars(conf_arg(call, 0)))
        return load_constant(call, pass);
    pass->tls = true;
    pass->url = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 0), &why);
    return pass->url != NULL || conf_fail_arg(call, 0, "%s", why);
}

/* For a request -------------------------------------------------------------------------------- */

const struct proxy_pass *proxy_url_target(struct request *r, const struct proxy_pass *pass,
                                          int *status)
{
    struct str text;
    struct proxy_pass *target;
    struct proxy_url url;
    const char *why;

    if (likely(pass->url == NULL))
        return pass;
    text = scope_eval(&r->scope, pass->url);
    why = proxy_url_split(request_pool(r), text, &url);
    if (why != NULL) {
        log_error(&r->log, LOG_ERROR, 0, "%s in \"%" STR_FMT "\"", why, STR_ARG(text));
        *status = 500;
        return NULL;
    }
    target = pool_zalloc(request_pool(r), sizeof(*target));
    fill_pass(request_pool(r), target, &url);
    target->location = pass->location;
    target->url = pass->url;
    if (origin_locate(r, target, url.host_port, url.default_port))
        return target;
    *status = 502;
    return NULL;
}
