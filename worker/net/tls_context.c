/*
 * worker/net/tls_context.c - hosts, contexts and identities of one generation.
 *
 * The text of the settings is the key under which a context is found; it names files by path.
 * Sessions are bound to the certificates and to what clients have to prove, by digests that stay
 * the same over a reload.
 */
#include "worker/net/tls_context.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/growing_map.h"
#include "worker/net/tls.h"
#include "worker/net/tls_file.h"
#include "worker/net/tls_session.h"
#include "worker/net/tls_ticket.h"

#define EARLY_MAX 16384 /* bytes that may come within a handshake, as in nginx */

struct tls_store {
    struct generation *gen;
    struct pool *pool;
    struct tls_files *files;
    struct tls_tickets *tickets;   /* of all contexts without keys of their own */
    struct growing_map contexts;   /* struct tls_context * by key */
    struct growing_map identities; /* struct tls_identity * by paths */
    struct tls_context *first_context;
    struct tls_host *first_host;
    struct tls_stapler *stapler;   /* tls_staple.c's; NULL: nothing is stapled */
};

struct tls_store *tls_store_of(struct generation *gen)
{
    struct tls_store *store = gen->tls;

    if (store == NULL) {
        store = gen->tls = pool_zalloc(gen->pool, sizeof(*store));
        store->gen = gen;
        store->pool = gen->pool;
        store->files = tls_files_new(gen->pool);
        growing_map_init(&store->contexts, gen->pool);
        growing_map_init(&store->identities, gen->pool);
    }
    return store;
}

struct generation *tls_store_generation(const struct tls_store *store)
{
    return store->gen;
}

struct tls_stapler **tls_store_stapler(struct tls_store *store)
{
    return &store->stapler;
}

static const char *ssl_fault(struct pool *pool, const char *what)
{
    char text[1024];
    size_t len = tls_errors(text, sizeof(text));

    return pool_printf(pool, "%s (SSL: %.*s)", what, (int)len, text).data;
}

/* Identities ----------------------------------------------------------------------------------- */

static const struct array nothing;

/* Behind `text`, a line each. */
static struct str join_paths(struct pool *pool, struct str text, const struct array *files)
{
    EACH (struct tls_file, f, files != NULL ? files : &nothing)
        text = pool_printf(pool, "%" STR_FMT "%" STR_FMT "\n", STR_ARG(text), STR_ARG(f->path));
    return text;
}

static bool load_pair(struct tls_store *store, const struct tls_file *cert,
                      const struct tls_file *key, struct str passwords,
                      struct tls_certificate *out, const char **why,
                      const struct tls_file **culprit)
{
    *culprit = cert;
    if (!tls_files_cert(store->files, cert->path, &out->leaf, &out->chain, why))
        return false;
    *culprit = key;
    out->key = tls_files_key(store->files, key->path, passwords, why);
    if (out->key == NULL)
        return false;
    if (X509_check_private_key(out->leaf, out->key) == 1)
        return true;
    *why = ssl_fault(store->pool, pool_printf(store->pool, "SSL_CTX_use_PrivateKey(\"%" STR_FMT
                                              "\") failed", STR_ARG(key->path)).data);
    return false;
}

static void digest_certs(struct tls_identity *identity)
{
    uint8_t all[8 * 32];
    size_t used = 0;
    unsigned len;

    for (uint32_t i = 0; i < identity->count && used + 32 <= sizeof(all); i++) {
        X509_digest(identity->certs[i].leaf, EVP_sha256(), all + used, &len);
        used += 32;
    }
    digest(DIGEST_SHA256, (struct str){(char *)all, used}, identity->digest);
}

struct tls_identity *tls_identity_load(struct tls_store *store, const struct array *certs,
                                       const struct array *keys, struct str passwords,
                                       const char **why, const struct tls_file **culprit)
{
    struct str name = join_paths(store->pool, join_paths(store->pool, STR(""), certs), keys);
    struct tls_identity *identity = growing_map_find(&store->identities, name);

    if (identity != NULL)
        return identity;
    identity = pool_zalloc(store->pool, sizeof(*identity));
    identity->count = (uint32_t)certs->count;
    identity->certs = pool_zalloc(store->pool, certs->count * sizeof(*identity->certs));
    for (uint32_t i = 0; i < identity->count; i++) {
        if (!load_pair(store, array_at(certs, i), array_at(keys, i), passwords,
                       &identity->certs[i], why, culprit))
            return NULL;
    }
    digest_certs(identity);
    *growing_map_at(&store->identities, name) = identity;
    return identity;
}

/* Contexts ------------------------------------------------------------------------------------- */

/* What a session proves of a client holds only where the same was demanded. */
static struct str trust_key(struct pool *pool, const struct tls_settings *s)
{
    if (s->verify == TLS_VERIFY_OFF)
        return STR("HTTP");
    return pool_printf(pool, "HTTP %lld %lld %" STR_FMT "\n%" STR_FMT "\n%" STR_FMT,
                       (long long)s->verify, (long long)s->verify_depth, STR_ARG(s->client_ca),
                       STR_ARG(s->trusted), STR_ARG(s->crl));
}

static struct str settings_key(struct pool *pool, const struct tls_settings *s)
{
    struct str commands = STR("");

    EACH (struct tls_command, c, s->commands != NULL ? s->commands : &nothing)
        commands = pool_printf(pool, "%" STR_FMT "%" STR_FMT "=%" STR_FMT "\n", STR_ARG(commands),
                               STR_ARG(c->name), STR_ARG(c->value));
    commands = pool_printf(pool, "%d %d %lld %lld\n%" STR_FMT "\n%" STR_FMT "\n%" STR_FMT
                           "\n%" STR_FMT, s->client, s->prefer_server_ciphers,
                           (long long)s->protocols, (long long)s->buffer_bytes,
                           STR_ARG(s->ciphers), STR_ARG(s->curves), STR_ARG(s->dhparam),
                           STR_ARG(commands));
    commands = pool_printf(pool, "%" STR_FMT "%lld %lld %d\n%" STR_FMT "\n%" STR_FMT
                           "\n%" STR_FMT "\n", STR_ARG(commands), (long long)s->verify,
                           (long long)s->verify_depth, s->reuse, STR_ARG(s->trusted),
                           STR_ARG(s->crl), STR_ARG(s->client_ca));
    return pool_printf(pool, "%" STR_FMT "\n%d %d %p %lld %lld %" STR_FMT "\n%lld %d%" STR_FMT,
                       STR_ARG(commands), s->early_data, s->compress, (void *)s->key_log,
                       (long long)s->cache, (long long)s->cached,
                       STR_ARG(s->zone != NULL ? s->zone->name : STR("")),
                       (long long)s->timeout_s, s->tickets,
                       STR_ARG(join_paths(pool, STR(""), s->ticket_keys)));
}

static void set_protocols(SSL_CTX *ctx, int64_t protocols)
{
    static const struct {
        int64_t bit;
        uint64_t off;
    } versions[] = {{TLS_SSL_3, SSL_OP_NO_SSLv3}, {TLS_1_0, SSL_OP_NO_TLSv1},
                    {TLS_1_1, SSL_OP_NO_TLSv1_1}, {TLS_1_2, SSL_OP_NO_TLSv1_2},
                    {TLS_1_3, SSL_OP_NO_TLSv1_3}};

    SSL_CTX_set_min_proto_version(ctx, 0); /* the system's policy is for those who say nothing */
    SSL_CTX_set_max_proto_version(ctx, 0);
    for (size_t i = 0; i < COUNT(versions); i++) {
        if ((protocols & versions[i].bit) == 0)
            SSL_CTX_set_options(ctx, versions[i].off);
    }
}

static void set_options(SSL_CTX *ctx, const struct tls_settings *s)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_ANTI_REPLAY);
    if (!s->client) /* what an origin says may end with the connection: tls_is_cut */
        SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (s->prefer_server_ciphers)
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_max_send_fragment(ctx, MIN(MAX(s->buffer_bytes, 512), 16384));
}

static const char *set_ciphers(struct tls_store *store, SSL_CTX *ctx, const struct tls_settings *s)
{
    if (SSL_CTX_set_cipher_list(ctx, pool_cstr(store->pool, s->ciphers)) != 1)
        return ssl_fault(store->pool, pool_printf(store->pool, "SSL_CTX_set_cipher_list(\"%" STR_FMT
                                                  "\") failed", STR_ARG(s->ciphers)).data);
    if (s->curves.len == 0 || str_eq(s->curves, STR("auto")) ||
        SSL_CTX_set1_curves_list(ctx, pool_cstr(store->pool, s->curves)) == 1)
        return NULL;
    return ssl_fault(store->pool, pool_printf(store->pool, "SSL_CTX_set1_curves_list(\"%" STR_FMT
                                              "\") failed", STR_ARG(s->curves)).data);
}

static const char *set_dhparam(struct tls_store *store, SSL_CTX *ctx, struct str path)
{
    EVP_PKEY *dh;
    const char *why;

    if (path.len == 0)
        return NULL;
    dh = tls_files_dhparam(store->files, path, &why);
    if (dh == NULL)
        return why;
    if (SSL_CTX_set0_tmp_dh_pkey(ctx, dh) == 1)
        return NULL;
    EVP_PKEY_free(dh);
    return ssl_fault(store->pool, pool_printf(store->pool, "SSL_CTX_set0_tmp_dh_pkey(\"%" STR_FMT
                                              "\") failed", STR_ARG(path)).data);
}

static const char *run_commands(struct tls_store *store, SSL_CTX *ctx, const struct tls_settings *s)
{
    SSL_CONF_CTX *conf;
    const char *why = NULL;

    if (s->commands == NULL)
        return NULL;
    conf = SSL_CONF_CTX_new();
    SSL_CONF_CTX_set_flags(conf, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_CERTIFICATE |
                                     SSL_CONF_FLAG_SHOW_ERRORS |
                                     (s->client ? SSL_CONF_FLAG_CLIENT : SSL_CONF_FLAG_SERVER));
    SSL_CONF_CTX_set_ssl_ctx(conf, ctx);
    EACH (struct tls_command, c, s->commands) {
        if (SSL_CONF_cmd(conf, pool_cstr(store->pool, c->name),
                         pool_cstr(store->pool, c->value)) > 0)
            continue;
        why = ssl_fault(store->pool, pool_printf(store->pool, "SSL_CONF_cmd(\"%" STR_FMT
                                                 "\", \"%" STR_FMT "\") failed", STR_ARG(c->name),
                                                 STR_ARG(c->value)).data);
        break;
    }
    if (why == NULL && SSL_CONF_CTX_finish(conf) != 1)
        why = ssl_fault(store->pool, "SSL_CONF_finish() failed");
    SSL_CONF_CTX_free(conf);
    return why;
}

static enum rc install(SSL *ssl, const struct tls_identity *identity)
{
    SSL_certs_clear(ssl);
    for (uint32_t i = 0; i < identity->count; i++) {
        const struct tls_certificate *c = &identity->certs[i];

        if (SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1)
            return RC_ERROR;
    }
    return RC_OK;
}

static const char *install_in_context(struct tls_store *store, SSL_CTX *ctx,
                                      const struct tls_identity *identity)
{
    for (uint32_t i = 0; identity != NULL && i < identity->count; i++) {
        const struct tls_certificate *c = &identity->certs[i];

        if (SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) != 1)
            return ssl_fault(store->pool, "SSL_CTX_use_certificate() failed");
    }
    return NULL;
}

/* Sessions ------------------------------------------------------------------------------------- */

/* With a ticket of TLS 1.3 the client has all of it, and nobody would look it up. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls_context *context = tls_first_context(ssl);

    if (context->tickets == NULL || SSL_version(ssl) != TLS1_3_VERSION)
        tls_session_put(context->settings->zone->zone, session);
    return 0; /* not kept by reference */
}

static SSL_SESSION *on_get_session(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    *copy = 0;
    return tls_session_find(tls_first_context(ssl)->settings->zone->zone, id, (size_t)len);
}

static void on_remove_session(SSL_CTX *ctx, SSL_SESSION *session)
{
    const struct tls_context *context = SSL_CTX_get_app_data(ctx);
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(session, &len);

    if (context->settings->zone->zone != NULL)
        tls_session_drop(context->settings->zone->zone, id, len);
}

static void set_cache(SSL_CTX *ctx, const struct tls_settings *s)
{
    long own = SSL_SESS_CACHE_NO_INTERNAL | SSL_SESS_CACHE_NO_AUTO_CLEAR;

    SSL_CTX_set_timeout(ctx, s->timeout_s);
    if (s->cache == TLS_CACHE_OFF) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        return;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | (s->cached > 0 ? 0 : own));
    if (s->cached > 0)
        SSL_CTX_sess_set_cache_size(ctx, s->cached);
    if (s->zone == NULL)
        return;
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    SSL_CTX_sess_set_get_cb(ctx, on_get_session);
    SSL_CTX_sess_set_remove_cb(ctx, on_remove_session);
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    return tls_ticket_key(tls_first_context(ssl)->tickets, ssl, name, iv, cipher, mac, seal);
}

/* One ticket per handshake: a second one costs a twentieth of it and is seldom used. */
static const char *set_tickets(struct tls_store *store, struct tls_context *context)
{
    const struct tls_settings *s = context->settings;
    const char *why = NULL;

    SSL_CTX_set_num_tickets(context->ctx, s->tickets || s->cache == TLS_CACHE_ON ? 1 : 0);
    if (!s->tickets) {
        SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET);
        return NULL;
    }
    if (s->ticket_keys != NULL)
        context->tickets = tls_tickets_fixed(store->gen, s->ticket_keys, &why);
    else
        context->tickets = store->tickets =
            tls_tickets_shared(store->gen, store->tickets, s->timeout_s, &why);
    if (context->tickets != NULL)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ctx, on_ticket);
    return context->tickets != NULL ? NULL : why;
}

/* Checking the other side ---------------------------------------------------------------------- */

/* Chains are judged when the handshake is done, where the log can say why. */
static int accept_chain(int good, X509_STORE_CTX *chain)
{
    return 1;
}

static const char *trust(struct tls_store *store, SSL_CTX *ctx, struct str path)
{
    if (path.len == 0 ||
        SSL_CTX_load_verify_locations(ctx, pool_cstr(store->pool, path), NULL) == 1)
        return NULL;
    return ssl_fault(store->pool,
                     pool_printf(store->pool, "SSL_CTX_load_verify_locations(\"%" STR_FMT
                                 "\") failed", STR_ARG(path)).data);
}

static const char *set_revoked(struct tls_store *store, SSL_CTX *ctx, struct str path)
{
    X509_STORE *chains = SSL_CTX_get_cert_store(ctx);
    X509_LOOKUP *lookup;

    if (path.len == 0)
        return NULL;
    lookup = X509_STORE_add_lookup(chains, X509_LOOKUP_file());
    if (lookup == NULL ||
        X509_LOOKUP_load_file(lookup, pool_cstr(store->pool, path), X509_FILETYPE_PEM) != 1)
        return ssl_fault(store->pool, pool_printf(store->pool, "X509_LOOKUP_load_file(\"%" STR_FMT
                                                  "\") failed", STR_ARG(path)).data);
    X509_STORE_set_flags(chains, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return NULL;
}

/* Whose certificates clients may show. */
static const char *name_authorities(struct tls_store *store, SSL_CTX *ctx, struct str path)
{
    STACK_OF(X509_NAME) *names;

    if (path.len == 0)
        return NULL;
    names = SSL_load_client_CA_file(pool_cstr(store->pool, path));
    if (names == NULL)
        return ssl_fault(store->pool, pool_printf(store->pool, "SSL_load_client_CA_file(\"%" STR_FMT
                                                  "\") failed", STR_ARG(path)).data);
    SSL_CTX_set_client_CA_list(ctx, names);
    return NULL;
}

static const char *set_verify(struct tls_store *store, SSL_CTX *ctx, const struct tls_settings *s)
{
    const char *why;

    if (s->verify == TLS_VERIFY_OFF)
        return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_chain);
    SSL_CTX_set_verify_depth(ctx, (int)s->verify_depth);
    if ((why = trust(store, ctx, s->client_ca)) != NULL ||
        (why = name_authorities(store, ctx, s->client_ca)) != NULL ||
        (why = trust(store, ctx, s->trusted)) != NULL)
        return why;
    return set_revoked(store, ctx, s->crl);
}

static int on_name(SSL *ssl, int *alert, void *arg)
{
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL ? SSL_TLSEXT_ERR_OK
                                                                      : SSL_TLSEXT_ERR_NOACK;
}

/* For who debugs with a capture of the traffic: a line for each secret. */
static void on_secret(const SSL *ssl, const char *line)
{
    const struct tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    char text[512];
    int len = snprintf(text, sizeof(text), "%s\n", line);

    if (len > 0 && (size_t)len < sizeof(text) &&
        write(context->settings->key_log->fd, text, (size_t)len) < 0)
        log_error(&process_log, LOG_ALERT, errno, "write() to the key log failed");
    explicit_bzero(text, sizeof(text));
}

/* RFC 8879 */
static void set_compression(SSL_CTX *ctx, const struct tls_settings *s)
{
#ifdef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
    SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
    if (s->compress)
        SSL_CTX_compress_certs(ctx, 0);
    else
        SSL_CTX_set_options(ctx, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
#endif
}

static const char *set_server(struct tls_store *store, struct tls_context *context)
{
    const char *why;

    SSL_CTX_set_cert_cb(context->ctx, tls_on_certificate, NULL);
    SSL_CTX_set_client_hello_cb(context->ctx, tls_on_hello, NULL);
    SSL_CTX_set_alpn_select_cb(context->ctx, tls_on_alpn, NULL);
    SSL_CTX_set_tlsext_servername_callback(context->ctx, on_name);
    SSL_CTX_set_tlsext_status_cb(context->ctx, tls_on_status);
    if (context->settings->early_data)
        SSL_CTX_set_max_early_data(context->ctx, EARLY_MAX);
    set_compression(context->ctx, context->settings);
    set_cache(context->ctx, context->settings);
    why = set_verify(store, context->ctx, context->settings);
    return why != NULL ? why : set_tickets(store, context);
}

/* What tickets of TLS 1.3 cost is spent when somebody asks something: connections that are only
   opened, to be there or to see who answers, end without one. Not where requests come within the
   handshake: their answer may end the connection before that is done. */
static void put_off_tickets(struct tls_context *context)
{
    size_t tickets = SSL_CTX_get_num_tickets(context->ctx);

    if (context->settings->early_data)
        return;
    context->tickets_later = (uint8_t)MIN(tickets, UINT8_MAX);
    SSL_CTX_set_num_tickets(context->ctx, 0);
}

static const char *set_client(struct tls_store *store, SSL_CTX *ctx, const struct tls_settings *s)
{
    if (s->reuse) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, tls_on_session);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    }
    return set_verify(store, ctx, s);
}

/* Making --------------------------------------------------------------------------------------- */

static void free_ctx(void *ctx)
{
    SSL_CTX_free(ctx);
}

static struct tls_context *make_context(struct tls_store *store, const struct tls_settings *s,
                                        const struct tls_identity *identity, const char **why)
{
    SSL_CTX *ctx = SSL_CTX_new(s->client ? TLS_client_method() : TLS_server_method());
    struct tls_context *context;

    if (ctx == NULL) {
        *why = ssl_fault(store->pool, "SSL_CTX_new() failed");
        return NULL;
    }
    if (s->key_log != NULL)
        SSL_CTX_set_keylog_callback(ctx, on_secret);
    pool_on_destroy(store->pool, free_ctx, ctx);
    set_protocols(ctx, s->protocols);
    set_options(ctx, s);
    context = pool_zalloc(store->pool, sizeof(*context));
    context->ctx = ctx;
    context->gen = store->gen;
    SSL_CTX_set_app_data(ctx, (char *)context);
    context->settings = s;
    context->identity = identity;
    if ((*why = set_ciphers(store, ctx, s)) != NULL ||
        (*why = install_in_context(store, ctx, identity)) != NULL ||
        (*why = set_dhparam(store, ctx, s->dhparam)) != NULL ||
        (!s->client && (*why = set_server(store, context)) != NULL) ||
        (s->client && (*why = set_client(store, ctx, s)) != NULL) ||
        (*why = run_commands(store, ctx, s)) != NULL)
        return NULL;
    if (!s->client)
        put_off_tickets(context);
    return context;
}

/* Hosts ---------------------------------------------------------------------------------------- */

/* What a connection would only find out when a client comes. */
static bool check_identity(const struct tls_context *context, const struct tls_identity *identity,
                           struct pool *pool, const char **why)
{
    SSL *ssl = SSL_new(context->ctx);
    bool good = ssl != NULL && install(ssl, identity) == RC_OK;

    if (!good)
        *why = ssl_fault(pool, "SSL_CTX_use_certificate() failed");
    SSL_free(ssl);
    return good;
}

/* Sessions are for those who have the same certificates and ask the same of clients. */
static void set_session_id(struct tls_host *host, struct pool *scratch)
{
    const struct tls_identity *identity = host->identity;
    struct str parts[2] = {trust_key(scratch, host->context->settings), STR("")};

    if (identity != NULL)
        parts[1] = (struct str){(const char *)identity->digest, sizeof(identity->digest)};
    digest_parts(DIGEST_SHA256, parts, COUNT(parts), host->session_id);
}

bool tls_host_make(struct tls_store *store, const struct tls_settings *settings,
                   const struct tls_identity *identity, struct tls_host *host, const char **why)
{
    struct str key = settings_key(store->pool, settings);
    struct tls_context *context = growing_map_find(&store->contexts, key);

    if (context == NULL) {
        context = make_context(store, settings, identity, why);
        if (context == NULL)
            return false;
        context->key = key;
        context->next = store->first_context;
        store->first_context = context;
        *growing_map_at(&store->contexts, key) = context;
    } else if (identity != NULL && identity != context->identity &&
               !check_identity(context, identity, store->pool, why)) {
        return false;
    }
    host->context = context;
    host->identity = identity;
    host->next = store->first_host;
    store->first_host = host;
    set_session_id(host, store->pool);
    return true;
}

/* Replacing ------------------------------------------------------------------------------------ */

void tls_certificates_free(struct tls_certificate *certs, uint32_t count)
{
    for (uint32_t i = 0; certs != NULL && i < count; i++) {
        X509_free(certs[i].leaf);
        sk_X509_pop_free(certs[i].chain, X509_free);
        EVP_PKEY_free(certs[i].key);
    }
    free(certs);
}

static void free_owned(void *arg)
{
    struct tls_identity *identity = arg;

    tls_certificates_free(identity->owned, identity->count);
}

static bool same_kinds(const struct tls_certificate *a, const struct tls_certificate *b,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (EVP_PKEY_get_base_id(a[i].key) != EVP_PKEY_get_base_id(b[i].key))
            return false;
    return true;
}

/* A context keeps a certificate of each kind: one with fewer kinds than before goes without. */
static void refit(struct tls_context *context, const struct tls_identity *identity, bool same)
{
    for (uint32_t i = 0; same && i < identity->count; i++) {
        const struct tls_certificate *c = &identity->certs[i];

        same = SSL_CTX_use_cert_and_key(context->ctx, c->leaf, c->key, c->chain, 1) == 1;
    }
    if (!same)
        context->identity = NULL;
    ERR_clear_error();
}

bool tls_identity_replace(struct tls_store *store, struct tls_identity *identity,
                          struct tls_certificate *certs, struct pool *scratch, const char **why)
{
    struct tls_identity next = {.certs = certs, .count = identity->count};
    bool same = same_kinds(certs, identity->certs, identity->count);

    for (const struct tls_host *h = store->first_host; h != NULL; h = h->next)
        if (h->identity == identity && !check_identity(h->context, &next, scratch, why))
            return false;
    identity->certs = certs;
    identity->version++;
    digest_certs(identity);
    for (struct tls_context *c = store->first_context; c != NULL; c = c->next)
        if (c->identity == identity)
            refit(c, identity, same);
    for (struct tls_host *h = store->first_host; h != NULL; h = h->next)
        if (h->identity == identity)
            set_session_id(h, scratch);
    if (identity->owned == NULL)
        pool_on_destroy(store->pool, free_owned, identity);
    tls_certificates_free(identity->owned, identity->count);
    identity->owned = certs;
    return true;
}

/* A connection has groups of its own from the beginning. The list was good for the context. */
static void set_curves(SSL *ssl, const struct tls_settings *s)
{
    char text[256];

    if (s->curves.len == 0 || s->curves.len >= sizeof(text) || str_eq(s->curves, STR("auto")))
        return;
    memcpy(text, s->curves.data, s->curves.len);
    text[s->curves.len] = '\0';
    SSL_set1_curves_list(ssl, text);
}

enum rc tls_host_apply(SSL *ssl, const struct tls_host *host, const struct tls_host *before)
{
    SSL_CTX *ctx = host->context->ctx;
    const struct tls_identity *shown = host->context->identity;

    if (before != NULL && before->context == host->context) {
        shown = before->identity;
    } else if (before != NULL) {
        if (SSL_set_SSL_CTX(ssl, ctx) == NULL)
            return RC_ERROR;
        SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(ctx));
        SSL_set_options(ssl, SSL_CTX_get_options(ctx));
        SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
        SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(ctx));
        set_curves(ssl, host->context->settings);
        SSL_set_max_early_data(ssl, (uint32_t)SSL_CTX_get_max_early_data(ctx));
        SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(ctx));
        SSL_set_max_send_fragment(ssl, MIN(MAX(host->context->settings->buffer_bytes, 512), 16384));
    }
    if (shown != host->identity && host->identity == NULL)
        SSL_certs_clear(ssl);
    else if (shown != host->identity && install(ssl, host->identity) != RC_OK)
        return RC_ERROR;
    return SSL_set_session_id_context(ssl, host->session_id, sizeof(host->session_id)) == 1
               ? RC_OK
               : RC_ERROR;
}
