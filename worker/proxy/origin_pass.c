/*
 * worker/proxy/origin_pass.c - addresses of origins that do not speak HTTP.
 */
#include "worker/proxy/origin_pass.h"

#include <string.h>

#include "common/generation.h"
#include "worker/proxy/origin_lookup.h"

#define NO_PORT (-1) /* is assumed */

/* Without a scheme it is the plain one. */
static void take_address(struct proxy_pass *pass, struct str text)
{
    const struct origin_schemes *known = pass->schemes;

    pass->tls = known->secure.len > 0 && str_starts_nocase(text, known->secure);
    pass->scheme = pass->tls ? known->secure : known->plain;
    pass->host = str_starts_nocase(text, pass->scheme) ? str_from(text, pass->scheme.len) : text;
}

static bool load_constant(struct conf_call *call, struct proxy_pass *pass, struct str text)
{
    const char *why;

    take_address(pass, text);
    pass->group = upstream_group_for(call, pass->host, NO_PORT, &why);
    if (pass->group != NULL)
        return true;
    conf_fail_arg(call, 0, "%s in upstream \"%" STR_FMT "\"", why, STR_ARG(pass->host));
    return strstr(pool_cstr(call->pool, pass->host), "://") != NULL &&
           conf_hint(call, "%s", strcmp(call->directive->name, "grpc_pass") == 0
                                     ? "its schemes are grpc:// and grpcs://"
                                     : "it takes no scheme");
}

static bool load_template(struct conf_call *call, struct proxy_pass *pass, struct str text)
{
    const char *why;

    pass->tls = pass->schemes->secure.len > 0;
    pass->url = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return pass->url != NULL || conf_fail_arg(call, 0, "%s", why);
}

struct proxy_pass *origin_pass_make(struct conf_call *call, const struct origin_schemes *schemes,
                                    struct str text)
{
    struct proxy_pass *pass = pool_zalloc(call->pool, sizeof(*pass));
    bool good;

    pass->schemes = schemes;
    good = template_has_vars(text) ? load_template(call, pass, text)
                                   : load_constant(call, pass, text);
    return good ? pass : NULL;
}

bool origin_pass_load(struct conf_call *call, const struct origin_schemes *schemes,
                      phase_fn *handler)
{
    struct origin_conf *conf = call->conf;
    struct location *location = call->scope->owner;

    conf->pass = origin_pass_make(call, schemes, conf_arg(call, 0));
    if (conf->pass == NULL)
        return false;
    conf->pass->location = location;
    location->handler = handler;
    if (call->scope->kind == IN_LOCATION && location->kind != LOCATION_REGEX &&
        str_ends(location->name, STR("/")))
        location->auto_redirect = true;
    return true;
}

/* For a request -------------------------------------------------------------------------------- */

/* What is wrong with an address that names no upstream; NULL: nothing. */
static const char *fault_of(struct str address)
{
    struct str host;
    const char *why;
    int port;

    if (upstream_named(address) != NULL)
        return NULL;
    if (!addr_split(address, &host, &port, &why))
        return why;
    if (host.len == 0)
        return "no host";
    return port < 0 && !str_starts(address, STR("unix:")) ? "no port" : NULL;
}

const struct proxy_pass *origin_pass_target(struct request *r, const struct proxy_pass *pass,
                                            int *status)
{
    struct proxy_pass *target;
    const char *why;

    if (likely(pass->url == NULL))
        return pass;
    target = pool_alloc(request_pool(r), sizeof(*target));
    *target = *pass;
    take_address(target, scope_eval(&r->scope, pass->url));
    why = fault_of(target->host);
    if (why != NULL) {
        log_error(&r->log, LOG_ERROR, 0, "%s in upstream \"%" STR_FMT "\"", why,
                  STR_ARG(target->host));
        *status = 500;
        return NULL;
    }
    *status = 502;
    return origin_locate(r, target, target->host, NO_PORT) ? target : NULL;
}
