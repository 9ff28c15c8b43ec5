/*
 * worker/proxy/origin_tls.c - TLS towards origins: certificates read and rules made at load.
 *
 * Certificates whose names have variables are chosen for each try, and read for each connection.
 */
#include "worker/proxy/origin_tls.h"

#include "common/conf_load.h"
#include "common/generation.h"
#include "worker/http/request.h"
#include "worker/net/tls_conf.h"
#include "worker/net/tls_file.h"
#include "worker/proxy/origin.h"

static struct origin_tls *tls_of_call(struct conf_call *call)
{
    return &((struct origin_conf *)call->conf)->tls;
}

/* One file; an inner scope's takes the place of the outer one's. Empty: none. */
static bool set_file(struct conf_call *call, struct array **list)
{
    *list = NULL;
    return conf_arg(call, 0).len == 0 || tls_conf_add_template(call, list);
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

/* Kept certificates ---------------------------------------------------------------------------- */

struct origin_certs {
    struct tls_cert_cache_conf conf;
    struct tls_cert_cache *cache;   /* of this process, made when first needed */
};

static void free_cache(void *arg)
{
    tls_cert_cache_free(((struct origin_certs *)arg)->cache);
}

bool origin_tls_set_cache(struct conf_call *call)
{
    struct origin_tls *tls = tls_of_call(call);
    struct tls_cert_cache_conf conf;

    tls->kept = NULL;
    if (!tls_conf_set_cache(call, &conf))
        return false;
    if (conf.max == 0)
        return true;
    tls->kept = pool_zalloc(call->pool, sizeof(*tls->kept));
    tls->kept->conf = conf;
    pool_on_destroy(call->pool, free_cache, tls->kept);
    return true;
}

static struct tls_cert_cache *cache_of(struct origin_certs *kept)
{
    if (kept == NULL)
        return NULL;
    if (kept->cache == NULL)
        kept->cache = tls_cert_cache_new(&kept->conf);
    return kept->cache;
}

/* Choosing ------------------------------------------------------------------------------------- */

static struct str evaluate(struct request *r, const struct tls_file *file)
{
    return file->template == NULL ? file->path : scope_eval(&r->scope, file->template);
}

const struct secure_shown *origin_tls_choose(struct request *r, const struct origin_tls *tls)
{
    struct pool *pool = request_pool(r);
    struct secure_shown *shown;
    struct str certificate;

    if (likely(!tls->chooses))
        return NULL;
    certificate = evaluate(r, array_at(tls->certificates, 0));
    if (certificate.len == 0)
        return NULL;
    shown = pool_zalloc(pool, sizeof(*shown));
    shown->certificate = tls_file_beside(pool, tls->conf_dir, certificate);
    shown->key = tls_file_beside(pool, tls->conf_dir, evaluate(r, array_at(tls->keys, 0)));
    shown->passwords = tls->passwords;
    shown->cache = cache_of(tls->kept);
    secure_id_of(shown);
    return shown;
}

/* A scope is complete -------------------------------------------------------------------------- */

static bool has_variables(const struct array *list)
{
    return list != NULL && ((const struct tls_file *)array_at(list, 0))->template != NULL;
}

static bool prepare_choice(struct conf_call *call, struct origin_tls *tls)
{
    const struct tls_file *file = array_at(tls->certificates, 0);
    const char *why;

    if (tls->keys == NULL)
        return conf_fail_at(call->gen, file->node,
                            "no \"%s_ssl_certificate_key\" is defined for certificate \"%" STR_FMT
                            "\"", call->module->name, STR_ARG(file->path));
    tls->conf_dir = call->gen->conf_dir;
    tls->chooses = true;
    return tls_file_passwords(call->pool, tls->password_file, &tls->passwords, &why) ||
           conf_fail_at(call->gen, file->node, "%s", why);
}

/* *identity stays NULL where the certificate is chosen later. */
static bool load_certificate(struct conf_call *call, struct origin_tls *tls,
                             struct tls_identity **identity)
{
    char text[64];

    tls->chooses = false;
    if (tls->certificates == NULL)
        return true;
    if (has_variables(tls->certificates) || has_variables(tls->keys))
        return prepare_choice(call, tls);
    snprintf(text, sizeof(text), "%s_ssl", call->module->name);
    return tls_conf_identity(call->gen, text, tls->certificates, tls->keys, tls->password_file,
                             identity);
}

bool origin_tls_finish(struct conf_call *call, struct origin_tls *tls)
{
    struct tls_identity *identity = NULL;
    const char *prefix = call->module->name, *why;

    tls->settings.client = true;
    tls->settings.buffer_bytes = 16384;
    if (tls->settings.verify && tls->settings.trusted.len == 0)
        return conf_fail_at(call->gen, call->node,
                            "no %s_ssl_trusted_certificate for %s_ssl_verify", prefix, prefix);
    if (!load_certificate(call, tls, &identity))
        return false;
    if (!tls_host_make(tls_store_of(call->gen), &tls->settings, identity, &tls->host, &why))
        return conf_fail_at(call->gen, call->node, "%s", why);
    tls->secure = (struct secure_options){.host = &tls->host, .verify = tls->settings.verify,
                                          .send_name = tls->send_name,
                                          .reuse = tls->settings.reuse};
    return true;
}
