/*
 * worker/proxy/origin_tls.c - TLS towards origins: certificates read and rules made at load.
 */
#include "worker/proxy/origin_tls.h"

#include "common/conf_load.h"
#include "common/generation.h"
#include "worker/net/tls_conf.h"
#include "worker/proxy/origin.h"

static struct origin_tls *tls_of_call(struct conf_call *call)
{
    return &((struct origin_conf *)call->conf)->tls;
}

/* One file; an inner scope's takes the place of the outer one's. */
static bool set_file(struct conf_call *call, struct array **list)
{
    *list = NULL;
    return tls_conf_add_file(call, list);
}

bool origin_tls_set_certificate(struct conf_call *call)
{
    return set_file(call, &tls_of_call(call)->certificates);
}

bool origin_tls_set_key(struct conf_call *call)
{
    return set_file(call, &tls_of_call(call)->keys);
}

bool origin_tls_add_command(struct conf_call *call)
{
    return tls_conf_add_command(call, &tls_of_call(call)->settings.commands);
}

bool origin_tls_set_key_log(struct conf_call *call)
{
    return tls_conf_set_key_log(call, &tls_of_call(call)->settings);
}

static bool is_cache_word(struct conf_call *call, uint32_t i)
{
    struct str value;

    return conf_arg_is(call, i, "max=", &value) || conf_arg_is(call, i, "inactive=", &value) ||
           conf_arg_is(call, i, "valid=", &value);
}

bool origin_tls_set_cache(struct conf_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        if (!is_cache_word(call, i) &&
            !(call->count == 1 && str_eq(conf_arg(call, 0), STR("off"))))
            return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
    }
    return true;
}

bool origin_tls_finish(struct conf_call *call, struct origin_tls *tls)
{
    struct tls_identity *identity = NULL;
    const char *prefix = call->module->name, *why;
    char text[64];

    tls->settings.client = true;
    tls->settings.buffer_bytes = 16384;
    if (tls->settings.verify && tls->settings.trusted.len == 0)
        return conf_fail_at(call->gen, call->node,
                            "no %s_ssl_trusted_certificate for %s_ssl_verify", prefix, prefix);
    snprintf(text, sizeof(text), "%s_ssl", prefix);
    if (tls->certificates != NULL &&
        !tls_conf_identity(call->gen, text, tls->certificates, tls->keys, tls->password_file,
                           &identity))
        return false;
    if (!tls_host_make(tls_store_of(call->gen), &tls->settings, identity, &tls->host, &why))
        return conf_fail_at(call->gen, call->node, "%s", why);
    tls->secure = (struct secure_options){.host = &tls->host, .verify = tls->settings.verify,
                                          .send_name = tls->send_name,
                                          .reuse = tls->settings.reuse};
    return true;
}
