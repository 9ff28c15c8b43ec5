/*
 * worker/proxy/origin_pass.c - addresses of origins that do not speak HTTP.
 */
#include "worker/proxy/origin_pass.h"

#include "common/generation.h"
#include "worker/proxy/origin_lookup.h"

#define NO_PORT (-1) /* is assumed */

/* The scheme may be left out. */
static struct str address_of(struct str text, struct str scheme)
{
    return str_starts_nocase(text, scheme) ? str_from(text, scheme.len) : text;
}

static bool load_constant(struct conf_call *call, struct proxy_pass *pass)
{
    struct str text = address_of(conf_arg(call, 0), pass->scheme);
    const char *why;

    pass->host = text;
    pass->group = upstream_group_for(call, text, NO_PORT, &why);
    return pass->group != NULL ||
           conf_fail_arg(call, 0, "%s in upstream \"%" STR_FMT "\"", why, STR_ARG(text));
}

static bool load_template(struct conf_call *call, struct proxy_pass *pass)
{
    const char *why;

    pass->url = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 0), &why);
    return pass->url != NULL || conf_fail_arg(call, 0, "%s", why);
}

bool origin_pass_load(struct conf_call *call, struct str scheme, phase_fn *handler)
{
    struct origin_conf *conf = call->conf;
    struct location *location = call->scope->owner;
    struct proxy_pass *pass = pool_zalloc(call->pool, sizeof(*pass));

    *pass = (struct proxy_pass){.scheme = scheme, .location = location};
    conf->pass = pass;
    location->handler = handler;
    if (call->scope->kind == IN_LOCATION && location->kind != LOCATION_REGEX &&
        str_ends(location->name, STR("/")))
        location->auto_redirect = true;
    return template_has_vars(conf_arg(call, 0)) ? load_template(call, pass)
                                                : load_constant(call, pass);
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
    target->host = address_of(scope_eval(&r->scope, pass->url), pass->scheme);
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
