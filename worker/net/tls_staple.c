/*
 * worker/net/tls_staple.c - OCSP responses that go with a server's certificates.
 *
 * Servers with the same certificates and settings share theirs. What depends on the certificate
 * itself (issuer, responder, the zone's key) is found out when it is needed, for certificates are
 * replaced while the process runs.
 */
#include "worker/net/tls_staple.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/generation.h"
#include "common/growing_map.h"
#include "worker/net/tls.h"

#define ZONE_LEAST (256 * 1024)
#define FILE_MOST  65536

static const char NO_ISSUER[] = "issuer certificate not found for";
static const char NO_URL[] = "no OCSP responder URL in the";
static const char BAD_URL[] = "invalid URL prefix in OCSP responder";

struct tls_stapler {
    struct pool *pool;
    struct growing_map made;     /* struct tls_staples * by identity and settings */
    struct growing_map stores;   /* X509_STORE * by paths */
    struct tls_staple *fetched, **last;
    uint32_t count;
    const struct zone_spec *zone;
};

static struct tls_stapler *stapler_of(const struct generation *gen)
{
    return gen->tls == NULL ? NULL : *tls_store_stapler(gen->tls);
}

static struct tls_stapler *make_stapler(struct generation *gen)
{
    struct tls_stapler **at = tls_store_stapler(tls_store_of(gen));
    struct tls_stapler *s = *at;

    if (s != NULL)
        return s;
    s = *at = pool_zalloc(gen->pool, sizeof(*s));
    s->pool = gen->pool;
    s->last = &s->fetched;
    growing_map_init(&s->made, gen->pool);
    growing_map_init(&s->stores, gen->pool);
    return s;
}

/* Whom the certificate concerns ---------------------------------------------------------------- */

static void forget(struct tls_staple *s)
{
    ocsp_subject_fini(&s->subject);
    free((char *)(uintptr_t)s->responder.data);
    OPENSSL_free((char *)(uintptr_t)s->response.response.data);
    s->responder = STR_NONE;
    s->response = (struct ocsp_known){0};
    s->seen_zone = 0;
}

static void on_pool_end(void *staple)
{
    forget(staple);
}

static struct str own_responder(X509 *leaf)
{
    struct pool *scratch = pool_create(POOL_BLOCK);
    struct str url = ocsp_responder(scratch, leaf);
    char *copy = url.len > 0 ? malloc(url.len) : NULL;

    if (copy != NULL)
        memcpy(copy, url.data, url.len);
    pool_destroy(scratch);
    return copy != NULL ? (struct str){copy, url.len} : STR_NONE;
}

/* What one server takes on trust must not reach another that checks. */
static void make_key(struct tls_staple *s)
{
    const struct tls_staple_settings *settings = s->settings;
    struct str parts[] = {{(const char *)s->subject.key, sizeof(s->subject.key)},
                          settings->verify ? STR("verified\n") : STR("taken\n"),
                          settings->responder, STR("\n"), settings->trusted, STR("\n"),
                          settings->client_ca};

    digest_parts(DIGEST_SHA256, parts, COUNT(parts), s->key);
}

/* What is missing, in nginx's words; NULL: nothing. */
static const char *find_out(struct tls_staple *s)
{
    const struct tls_certificate *cert = &s->identity->certs[s->which];
    X509 *issuer = ocsp_issuer(cert->leaf, cert->chain, s->store);
    struct ocsp_url url;
    bool good;

    if (issuer == NULL)
        return NO_ISSUER;
    good = ocsp_subject_init(&s->subject, cert->leaf, issuer);
    X509_free(issuer);
    if (good)
        make_key(s);
    else
        return "no OCSP question can be asked about";
    if (s->settings->responder.len == 0)
        s->responder = own_responder(cert->leaf);
    else
        s->responder = STR_NONE;
    if (s->settings->responder.len == 0 && s->responder.len == 0)
        return NO_URL;
    if (!ocsp_url_read(&url, s->responder.len > 0 ? s->responder : s->settings->responder))
        return BAD_URL;
    return NULL;
}

static const char *look(struct tls_staple *s)
{
    const char *missing;

    forget(s);
    missing = find_out(s);
    s->known = true;
    s->version = s->identity->version;
    s->able = missing == NULL;
    return missing;
}

bool tls_staple_look(struct tls_staple *s)
{
    if (!s->known || s->version != s->identity->version)
        look(s);
    return s->able;
}

/* Config time ---------------------------------------------------------------------------------- */

static const char *ssl_fault(struct pool *pool, const char *call, struct str path)
{
    char text[512];
    size_t len = tls_errors(text, sizeof(text));

    return pool_printf(pool, "%s(\"%" STR_FMT "\") failed (SSL: %.*s)", call, STR_ARG(path),
                       (int)len, text).data;
}

static void free_store(void *store)
{
    X509_STORE_free(store);
}

static bool load_store(struct generation *gen, const struct tls_staple_settings *settings,
                       X509_STORE *store, struct str path)
{
    if (path.len == 0 || X509_STORE_load_file(store, pool_cstr(gen->pool, path)) == 1)
        return true;
    return conf_fail_at(gen, settings->node, "%s",
                        ssl_fault(gen->pool, "X509_STORE_load_file", path));
}

static bool find_store(struct generation *gen, struct tls_stapler *all,
                       const struct tls_staple_settings *settings, X509_STORE **out)
{
    struct str key = pool_printf(gen->pool, "%" STR_FMT "\n%" STR_FMT, STR_ARG(settings->trusted),
                                 STR_ARG(settings->client_ca));

    *out = growing_map_find(&all->stores, key);
    if (*out != NULL)
        return true;
    *out = X509_STORE_new();
    must(*out != NULL);
    pool_on_destroy(gen->pool, free_store, *out);
    *growing_map_at(&all->stores, key) = *out;
    return load_store(gen, settings, *out, settings->trusted) &&
           load_store(gen, settings, *out, settings->client_ca);
}

/* RFC 6066, 8: the bytes of an OCSPResponse, as it goes out. */
static bool read_file(struct generation *gen, const struct tls_staple_settings *settings,
                      struct str *out)
{
    FILE *file = fopen(pool_cstr(gen->pool, settings->file), "rbe");
    char *text = pool_bytes(gen->pool, FILE_MOST);
    const unsigned char *p = (unsigned char *)text;
    OCSP_RESPONSE *response;
    size_t len;

    if (file == NULL)
        return conf_fail_at(gen, settings->node, "BIO_new_file(\"%" STR_FMT "\") failed",
                            STR_ARG(settings->file));
    len = fread(text, 1, FILE_MOST, file);
    fclose(file);
    response = d2i_OCSP_RESPONSE(NULL, &p, (long)len);
    if (response == NULL)
        return conf_fail_at(gen, settings->node, "%s",
                            ssl_fault(gen->pool, "d2i_OCSP_RESPONSE_bio", settings->file));
    OCSP_RESPONSE_free(response);
    *out = (struct str){text, len};
    return true;
}

static struct str name_of(struct pool *pool, const struct tls_staple_settings *settings,
                          const struct tls_identity *identity)
{
    return pool_printf(pool, "%p %d\n%" STR_FMT "\n%" STR_FMT "\n%" STR_FMT "\n%" STR_FMT,
                       (const void *)identity, settings->verify, STR_ARG(settings->file),
                       STR_ARG(settings->responder), STR_ARG(settings->trusted),
                       STR_ARG(settings->client_ca));
}

/* One that cannot be asked for is left alone: what nginx does. */
static bool make_one(struct generation *gen, struct tls_stapler *all, struct tls_staple *s,
                     struct str text)
{
    const char *missing;

    pool_on_destroy(gen->pool, on_pool_end, s);
    if (s->settings->file.len > 0) {
        s->file = text;
        return true;
    }
    missing = look(s);
    if (missing == BAD_URL) {
        struct str url = s->responder.len > 0 ? s->responder : s->settings->responder;

        missing = pool_printf(gen->pool, "%s \"%" STR_FMT "\" in the", BAD_URL,
                              STR_ARG(url)).data;
    }
    if (missing != NULL) {
        conf_warn_at(gen, s->settings->node,
                     "\"ssl_stapling\" ignored, %s certificate \"%" STR_FMT "\"", missing,
                     STR_ARG(s->path));
        if (missing == NO_ISSUER)
            conf_hint_at(gen, "put it behind the certificate in its file, or into that of "
                              "ssl_trusted_certificate");
        else if (missing == NO_URL)
            conf_hint_at(gen, "its issuer may have given up OCSP; else ssl_stapling_responder "
                              "names one");
        return false;
    }
    *all->last = s;
    all->last = &s->next;
    all->count++;
    return true;
}

bool tls_staple_make(struct generation *gen, const struct tls_staple_settings *settings,
                     const struct tls_identity *identity, const struct array *certificates,
                     struct tls_staples **out)
{
    struct tls_stapler *all = make_stapler(gen);
    struct str name = name_of(gen->pool, settings, identity), text = STR_NONE;
    struct tls_staples *made = growing_map_find(&all->made, name);
    X509_STORE *store;

    *out = made;
    if (made != NULL)
        return true;
    if (settings->file.len > 0 && !read_file(gen, settings, &text))
        return false;
    if (!find_store(gen, all, settings, &store))
        return false;
    made = *out = pool_zalloc(gen->pool,
                              sizeof(*made) + identity->count * sizeof(made->each[0]));
    made->count = identity->count;
    *growing_map_at(&all->made, name) = made;
    for (uint32_t i = 0; i < made->count; i++) {
        const struct tls_file *file = array_at(certificates, i);

        made->each[i] = (struct tls_staple){
            .settings = settings, .identity = identity, .which = i, .path = file->path,
            .store = store};
        make_one(gen, all, &made->each[i], text);
    }
    return true;
}

bool tls_staple_zone(struct generation *gen)
{
    struct tls_stapler *all = stapler_of(gen);
    int64_t bytes = ZONE_LEAST;
    const char *why;

    if (all == NULL || all->fetched == NULL)
        return true;
    /* In powers of two, so that a few certificates more do not make another zone. */
    while (bytes < ZONE_LEAST / 2 + (int64_t)all->count * OCSP_ZONE_ENTRY_BYTES)
        bytes *= 2;
    all->zone = generation_zone(gen, STR("weir:ocsp responses"), bytes, &ocsp_zone_kind,
                                all->fetched->settings->node, &why);
    return all->zone != NULL || conf_fail_at(gen, all->fetched->settings->node, "%s", why);
}

struct tls_staple *tls_staple_first(const struct generation *gen)
{
    const struct tls_stapler *all = stapler_of(gen);

    return all == NULL ? NULL : all->fetched;
}

struct zone *tls_staple_zone_of(const struct generation *gen)
{
    const struct tls_stapler *all = stapler_of(gen);

    return all == NULL || all->zone == NULL ? NULL : all->zone->zone;
}

/* Run time ------------------------------------------------------------------------------------- */

/* This process's copy is what the zone has. */
static void refresh(struct tls_staple *s, struct zone *z)
{
    uint32_t changes = ocsp_zone_changes(z);

    if (s->seen_zone == zone_id(z) && s->seen_changes == changes)
        return;
    OPENSSL_free((char *)(uintptr_t)s->response.response.data);
    s->response = (struct ocsp_known){0};
    s->seen_zone = zone_id(z);
    s->seen_changes = changes;
    ocsp_zone_find(z, s->key, &s->response);
}

static struct str response_of(struct tls_staple *s, const struct generation *gen)
{
    struct zone *z;

    if (s->file.data != NULL)
        return s->file;
    z = tls_staple_zone_of(gen);
    if (z == NULL || !tls_staple_look(s))
        return STR_NONE;
    refresh(s, z);
    if (s->response.status != V_OCSP_CERTSTATUS_GOOD || s->response.valid_s < clock_wall_s())
        return STR_NONE;
    return s->response.response;
}

bool tls_staple_give(struct tls_staples *staples, SSL *ssl)
{
    const X509 *leaf = SSL_get_certificate(ssl);
    struct str response = STR_NONE;
    unsigned char *copy;

    for (uint32_t i = 0; i < staples->count; i++) {
        struct tls_staple *s = &staples->each[i];

        if (s->settings != NULL && s->identity->certs[s->which].leaf == leaf)
            response = response_of(s, tls_first_context(ssl)->gen);
    }
    copy = response.len == 0 ? NULL : OPENSSL_malloc(response.len);
    if (copy == NULL)
        return false;
    memcpy(copy, response.data, response.len);
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response.len); /* which owns it now */
    return true;
}
