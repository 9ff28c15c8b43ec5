/*
 * worker/http/ssl_choose.c - certificates whose names have variables: chosen in the handshake.
 *
 * Variables are those of a request that has not come yet: what is known of the connection
 * ($ssl_server_name, $remote_addr ...) and what follows from it (`map`).
 */
#include "worker/http/ssl_choose.h"

#include "common/conf_load.h"
#include "common/digest.h"
#include "common/generation.h"
#include "worker/http/request.h"
#include "worker/net/tls_file.h"

struct ssl_choice {
    struct generation *gen;
    struct http_server *server;
    const struct array *certs, *keys;
    struct str passwords;
    struct tls_cert_cache_conf cache_conf;
    struct tls_cert_cache *cache;   /* of this process, made when first needed */
};

static struct str evaluate(struct ssl_choice *choice, struct request *r,
                           const struct tls_file *file)
{
    struct str text = file->template == NULL ? file->path
                                             : scope_eval(&r->scope, file->template);

    return tls_file_beside(r->scope.pool, choice->gen->conf_dir, text);
}

static bool use_all(struct ssl_choice *choice, struct request *r, SSL *ssl)
{
    SSL_certs_clear(ssl);
    for (uint32_t i = 0; i < choice->certs->count; i++) {
        struct str cert = evaluate(choice, r, array_at(choice->certs, i));
        struct str key = evaluate(choice, r, array_at(choice->keys, i));

        if (!tls_cert_cache_use(choice->cache, r->scope.pool, ssl, cert, key, choice->passwords,
                                &r->log))
            return false;
    }
    return true;
}

static bool choose(const struct tls_host *host, struct conn *c, SSL *ssl)
{
    struct ssl_choice *choice = host->choose_data;
    struct http_fields *fields;
    struct request *r;
    bool good;

    if (choice->cache == NULL)
        choice->cache = tls_cert_cache_new(&choice->cache_conf);
    r = malloc(sizeof(*r));
    fields = calloc(2, sizeof(*fields));
    must(r != NULL && fields != NULL);
    request_init(r, c, NULL, NULL, &fields[0], &fields[1]);
    r->server = choice->server;
    r->listen = c->listen;
    r->tls = true;
    request_enter(r, &choice->server->base);
    r->log = c->log;
    good = use_all(choice, r, ssl);
    pool_destroy(r->scope.pool);
    free(fields);
    free(r);
    return good;
}

static void free_cache(void *arg)
{
    tls_cert_cache_free(((struct ssl_choice *)arg)->cache);
}

/* Sessions are for those who choose from the same. */
static void set_session_id(const struct ssl_choice *choice, struct tls_host *host)
{
    for (uint32_t i = 0; i < choice->certs->count; i++) {
        const struct tls_file *cert = array_at(choice->certs, i);
        struct str parts[] = {{(const char *)host->session_id, sizeof(host->session_id)},
                              cert->path, choice->server->first_name};

        digest_parts(DIGEST_SHA256, parts, COUNT(parts), host->session_id);
    }
}

bool ssl_choose_make(struct generation *gen, const struct http_server *server,
                     const struct array *certs, const struct array *keys, struct str password_file,
                     const struct tls_cert_cache_conf *cache, struct tls_host *host)
{
    struct ssl_choice *choice = pool_zalloc(gen->pool, sizeof(*choice));
    const struct tls_file *last = array_at(certs, certs->count - 1);
    const char *why;

    if (keys == NULL || keys->count < certs->count)
        return conf_fail_at(gen, last->node,
                            "no \"ssl_certificate_key\" is defined for certificate \"%" STR_FMT
                            "\"", STR_ARG(last->path));
    *choice = (struct ssl_choice){.gen = gen, .server = (struct http_server *)(uintptr_t)server,
                                  .certs = certs, .keys = keys, .cache_conf = *cache};
    if (!tls_file_passwords(gen->pool, password_file, &choice->passwords, &why))
        return conf_fail_at(gen, last->node, "%s", why);
    host->choose = choose;
    host->choose_data = choice;
    set_session_id(choice, host);
    pool_on_destroy(gen->pool, free_cache, choice);
    return true;
}
