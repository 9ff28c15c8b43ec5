/*
 * worker/net/tls_watch.c - certificates that are replaced when their files change.
 *
 * A set's files are the certificates, then the keys, then the passwords. What is taken must be as
 * good as what a start would take, and not expired.
 */
#include "worker/net/tls_watch.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "common/watched.h"
#include "worker/net/tls_file.h"

#define DAY_S 86400

struct identity_watch {
    struct tls_store *store;
    struct tls_identity *identity;
    const struct array *certs, *keys; /* struct tls_file, as many of each */
    int64_t warn_s;
};

/* Reading -------------------------------------------------------------------------------------- */

static struct str text_of(const struct array *files, uint32_t i, const struct str *contents,
                          struct str *path)
{
    const struct tls_file *file = array_at(files, i);

    *path = file->path;
    return contents->data != NULL ? *contents : tls_file_data(file->path);
}

static bool parse_pair(const struct identity_watch *w, uint32_t i, const struct str *contents,
                       struct tls_certificate *out, struct pool *pool, const char **why)
{
    uint32_t count = w->identity->count;
    struct str path, text = text_of(w->certs, i, &contents[i], &path);

    if (!tls_file_parse_cert(pool, text, path, &out->leaf, &out->chain, why))
        return false;
    if (X509_cmp_current_time(X509_get0_notAfter(out->leaf)) < 0) {
        *why = pool_printf(pool, "certificate \"%" STR_FMT "\" has expired", STR_ARG(path)).data;
        return false;
    }
    text = text_of(w->keys, i, &contents[count + i], &path);
    out->key = tls_file_parse_key(pool, text, path, contents[2 * count], why);
    if (out->key == NULL)
        return false;
    if (X509_check_private_key(out->leaf, out->key) == 1)
        return true;
    ERR_clear_error();
    *why = pool_printf(pool, "it does not match the key \"%" STR_FMT "\"", STR_ARG(path)).data;
    return false;
}

static bool parse_all(const struct identity_watch *w, const struct str *contents,
                      struct tls_certificate *certs, struct pool *pool, const char **why)
{
    for (uint32_t i = 0; i < w->identity->count; i++)
        if (!parse_pair(w, i, contents, &certs[i], pool, why))
            return false;
    return true;
}

/* Comparing ------------------------------------------------------------------------------------ */

static bool same_chain(const STACK_OF(X509) *a, const STACK_OF(X509) *b)
{
    int count = a == NULL ? 0 : sk_X509_num(a);

    if (count != (b == NULL ? 0 : sk_X509_num(b)))
        return false;
    for (int i = 0; i < count; i++)
        if (X509_cmp(sk_X509_value(a, i), sk_X509_value(b, i)) != 0)
            return false;
    return true;
}

static bool is_same(const struct tls_identity *identity, const struct tls_certificate *certs)
{
    for (uint32_t i = 0; i < identity->count; i++) {
        const struct tls_certificate *a = &identity->certs[i], *b = &certs[i];

        if (X509_cmp(a->leaf, b->leaf) != 0 || EVP_PKEY_eq(a->key, b->key) != 1 ||
            !same_chain(a->chain, b->chain))
            return false;
    }
    return true;
}

/* Taking --------------------------------------------------------------------------------------- */

static struct str first_path(const struct identity_watch *w)
{
    return ((const struct tls_file *)array_at(w->certs, 0))->path;
}

static enum watched_result judge(const struct identity_watch *w, struct tls_certificate *certs,
                                 const struct str *contents, struct pool *scratch,
                                 const char **why)
{
    if (!parse_all(w, contents, certs, scratch, why))
        return WATCHED_BAD;
    if (is_same(w->identity, certs))
        return WATCHED_SAME;
    return tls_identity_replace(w->store, w->identity, certs, scratch, why) ? WATCHED_TAKEN
                                                                            : WATCHED_BAD;
}

static enum watched_result take(struct generation *gen, struct watched_set *set,
                                const struct str *contents, bool say)
{
    const struct identity_watch *w = set->about;
    struct tls_certificate *certs = calloc(w->identity->count, sizeof(*certs));
    struct pool *scratch = pool_create(POOL_BLOCK);
    enum watched_result result;
    const char *why = NULL;

    must(certs != NULL);
    result = judge(w, certs, contents, scratch, &why);
    if (result != WATCHED_TAKEN)
        tls_certificates_free(certs, w->identity->count);
    if (result == WATCHED_TAKEN)
        log_error(&process_log, LOG_NOTICE, 0, "certificate \"%" STR_FMT "\" has changed: taken",
                  STR_ARG(first_path(w)));
    else if (result == WATCHED_BAD && say)
        log_error(&process_log, LOG_ERROR, 0,
                  "certificate \"%" STR_FMT "\" has changed and is not taken: %s; the one before "
                  "it stays", STR_ARG(first_path(w)), why);
    pool_destroy(scratch);
    return result;
}

/* Warning -------------------------------------------------------------------------------------- */

static void warn_of(const struct tls_file *file, X509 *leaf, int64_t warn_s)
{
    int days, seconds;
    int64_t left_s;

    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
        return;
    left_s = (int64_t)days * DAY_S + seconds;
    if (left_s <= 0)
        log_error(&process_log, LOG_WARN, 0, "certificate \"%" STR_FMT "\" has expired",
                  STR_ARG(file->path));
    else if (left_s < warn_s)
        log_error(&process_log, LOG_WARN, 0, "certificate \"%" STR_FMT "\" expires in %d day%s",
                  STR_ARG(file->path), (int)((left_s + DAY_S - 1) / DAY_S),
                  left_s > DAY_S ? "s" : "");
}

static void look(const struct watched_set *set)
{
    const struct identity_watch *w = set->about;

    for (uint32_t i = 0; w->warn_s > 0 && i < w->identity->count; i++)
        warn_of(array_at(w->certs, i), w->identity->certs[i].leaf, w->warn_s);
}

/* Config time ---------------------------------------------------------------------------------- */

static void add(struct watched_file *file, struct str path)
{
    if (path.len == 0 || path.data[0] != '/') /* "data:", or no passwords */
        return;
    file->path = path;
    watched_stamp(path, &file->stamp);
}

void tls_watch(struct tls_store *store, struct tls_identity *identity, const struct array *certs,
               const struct array *keys, struct str passwords, int64_t warn_s)
{
    struct generation *gen = tls_store_generation(store);
    struct identity_watch *w;
    struct watched_file *files;

    if (identity->watched != NULL) {
        w = identity->watched->about;
        w->warn_s = MAX(w->warn_s, warn_s);
        return;
    }
    w = pool_zalloc(gen->pool, sizeof(*w));
    *w = (struct identity_watch){store, identity, certs, keys, warn_s};
    files = pool_zalloc(gen->pool, (2 * identity->count + 1) * sizeof(*files));
    for (uint32_t i = 0; i < identity->count; i++) {
        add(&files[i], ((const struct tls_file *)array_at(certs, i))->path);
        add(&files[identity->count + i], ((const struct tls_file *)array_at(keys, i))->path);
    }
    add(&files[2 * identity->count], passwords);
    identity->watched = watched_add(gen, files, 2 * identity->count + 1);
    identity->watched->take = take;
    identity->watched->look = look;
    identity->watched->about = w;
}
