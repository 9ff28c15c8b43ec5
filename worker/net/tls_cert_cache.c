/*
 * worker/net/tls_cert_cache.c - certificates and keys that a worker reads while it serves.
 */
#include "worker/net/tls_cert_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/list.h"
#include "common/watched.h"
#include "worker/net/tls.h"
#include "worker/net/tls_file.h"

struct entry {
    struct entry *next;          /* in its bucket */
    struct link link;            /* by use, the newest first */
    uint64_t hash;
    struct file_stamp stamp;
    int64_t looked_ms, used_ms;
    X509 *leaf;                  /* of a certificate */
    STACK_OF(X509) *chain;
    EVP_PKEY *key;               /* of a key */
    size_t len;
    char path[];
};

struct tls_cert_cache {
    struct tls_cert_cache_conf conf;
    struct list used;
    uint32_t count, mask;
    struct entry *buckets[];
};

struct tls_cert_cache *tls_cert_cache_new(const struct tls_cert_cache_conf *conf)
{
    size_t buckets = 16;
    struct tls_cert_cache *cache;

    if (conf->max <= 0)
        return NULL;
    while ((int64_t)buckets < conf->max && buckets < 65536)
        buckets *= 2;
    cache = calloc(1, sizeof(*cache) + buckets * sizeof(cache->buckets[0]));
    must(cache != NULL);
    cache->conf = *conf;
    cache->mask = (uint32_t)buckets - 1;
    list_init(&cache->used);
    return cache;
}

static void drop(struct tls_cert_cache *cache, struct entry *e)
{
    struct entry **at = &cache->buckets[e->hash & cache->mask];

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    list_remove(&e->link);
    cache->count--;
    X509_free(e->leaf);
    sk_X509_pop_free(e->chain, X509_free);
    EVP_PKEY_free(e->key);
    free(e);
}

void tls_cert_cache_free(struct tls_cert_cache *cache)
{
    if (cache == NULL)
        return;
    while (!list_empty(&cache->used))
        drop(cache, CONTAINER(list_first(&cache->used), struct entry, link));
    free(cache);
}

/* Looking -------------------------------------------------------------------------------------- */

/* Certificates and keys may be in one file. */
static uint64_t hash_of(struct str path, bool key)
{
    return str_hash(path) * 2 + key;
}

static struct entry *find(struct tls_cert_cache *cache, struct str path, bool key)
{
    uint64_t hash = hash_of(path, key);
    struct entry *e = cache->buckets[hash & cache->mask];

    while (e != NULL && (e->hash != hash || e->len != path.len ||
                         memcmp(e->path, path.data, path.len) != 0))
        e = e->next;
    return e;
}

/* One that may be used as it is; another is gone. */
static struct entry *find_valid(struct tls_cert_cache *cache, struct str path, bool key)
{
    struct entry *e = find(cache, path, key);
    struct file_stamp now;

    if (e == NULL)
        return NULL;
    if (clock_mono_ms - e->looked_ms >= cache->conf.valid_s * 1000) {
        if (!watched_stamp(path, &now) || !watched_stamp_eq(&now, &e->stamp)) {
            drop(cache, e);
            return NULL;
        }
        e->looked_ms = clock_mono_ms;
    }
    e->used_ms = clock_mono_ms;
    list_remove(&e->link);
    list_prepend(&cache->used, &e->link);
    return e;
}

static void make_room(struct tls_cert_cache *cache)
{
    while (!list_empty(&cache->used)) {
        struct entry *oldest = CONTAINER(list_last(&cache->used), struct entry, link);

        if (cache->count < cache->conf.max &&
            clock_mono_ms - oldest->used_ms < cache->conf.inactive_s * 1000)
            return;
        drop(cache, oldest);
    }
}

static struct entry *add(struct tls_cert_cache *cache, struct str path, bool key,
                         const struct file_stamp *stamp)
{
    struct entry *e, **at;

    make_room(cache);
    e = calloc(1, sizeof(*e) + path.len);
    if (e == NULL)
        return NULL;
    e->hash = hash_of(path, key);
    e->stamp = *stamp;
    e->looked_ms = e->used_ms = clock_mono_ms;
    e->len = path.len;
    memcpy(e->path, path.data, path.len);
    at = &cache->buckets[e->hash & cache->mask];
    e->next = *at;
    *at = e;
    list_prepend(&cache->used, &e->link);
    cache->count++;
    return e;
}

/* Reading -------------------------------------------------------------------------------------- */

static bool read_open(struct pool *pool, int fd, struct file_stamp *stamp, struct str *text)
{
    struct stat st;
    ssize_t n;
    char *bytes;

    if (fstat(fd, &st) != 0)
        return false;
    errno = EINVAL;
    if (!S_ISREG(st.st_mode) || st.st_size > WATCHED_FILE_MOST)
        return false;
    *stamp = watched_stamp_of(&st);
    bytes = pool_bytes(pool, (size_t)st.st_size + 1);
    n = read(fd, bytes, (size_t)st.st_size);
    *text = (struct str){bytes, n < 0 ? 0 : (size_t)n};
    return n >= 0;
}

static bool read_text(struct pool *pool, struct str path, const char *kind,
                      struct file_stamp *stamp, struct str *text, const char **why)
{
    int fd, err;
    bool good;

    *text = tls_file_data(path);
    if (text->data != NULL)
        return true;
    fd = open(pool_cstr(pool, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    good = fd >= 0 && read_open(pool, fd, stamp, text);
    err = errno;
    if (fd >= 0)
        close(fd);
    if (!good)
        *why = pool_printf(pool, "cannot load %s \"%" STR_FMT "\": open() failed (%d: %s)", kind,
                           STR_ARG(path), err, strerror(err)).data;
    return good;
}

static STACK_OF(X509) *share_chain(STACK_OF(X509) *chain)
{
    return chain == NULL ? NULL : X509_chain_up_ref(chain);
}

bool tls_cert_cache_cert(struct tls_cert_cache *cache, struct pool *pool, struct str path,
                         X509 **leaf, STACK_OF(X509) **chain, const char **why)
{
    bool is_data = tls_file_data(path).data != NULL;
    struct entry *e = cache == NULL || is_data ? NULL : find_valid(cache, path, false);
    struct file_stamp stamp = {0};
    struct str text;

    if (e == NULL) {
        if (!read_text(pool, path, "certificate", &stamp, &text, why) ||
            !tls_file_parse_cert(pool, text, path, leaf, chain, why))
            return false;
        e = cache == NULL || is_data ? NULL : add(cache, path, false, &stamp);
        if (e == NULL)
            return true;
        e->leaf = *leaf;
        e->chain = *chain;
    }
    X509_up_ref(e->leaf);
    *leaf = e->leaf;
    *chain = share_chain(e->chain);
    return true;
}

EVP_PKEY *tls_cert_cache_key(struct tls_cert_cache *cache, struct pool *pool, struct str path,
                             struct str passwords, const char **why)
{
    bool is_data = tls_file_data(path).data != NULL;
    struct entry *e = cache == NULL || is_data ? NULL : find_valid(cache, path, true);
    struct file_stamp stamp = {0};
    struct str text;
    EVP_PKEY *key;

    if (e != NULL) {
        EVP_PKEY_up_ref(e->key);
        return e->key;
    }
    if (!read_text(pool, path, "certificate key", &stamp, &text, why))
        return NULL;
    key = tls_file_parse_key(pool, text, path, passwords, why);
    if (!is_data)
        explicit_bzero((char *)(uintptr_t)text.data, text.len);
    if (key != NULL && cache != NULL && !is_data && (e = add(cache, path, true, &stamp)) != NULL) {
        EVP_PKEY_up_ref(key);
        e->key = key;
    }
    return key;
}

/* Using ---------------------------------------------------------------------------------------- */

static bool use_pair(struct tls_cert_cache *cache, struct pool *pool, SSL *ssl, struct str cert,
                     struct str key_path, struct str passwords, const char **why)
{
    STACK_OF(X509) *chain;
    EVP_PKEY *key;
    X509 *leaf;
    bool good;

    if (!tls_cert_cache_cert(cache, pool, cert, &leaf, &chain, why))
        return false;
    key = tls_cert_cache_key(cache, pool, key_path, passwords, why);
    good = key != NULL && SSL_use_cert_and_key(ssl, leaf, key, chain, 1) == 1;
    if (key != NULL && !good)
        *why = NULL; /* OpenSSL has said it */
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
    return good;
}

bool tls_cert_cache_use(struct tls_cert_cache *cache, struct pool *pool, SSL *ssl, struct str cert,
                        struct str key, struct str passwords, const struct log *log)
{
    const char *why = NULL;

    if (use_pair(cache, pool, ssl, cert, key, passwords, &why))
        return true;
    if (why != NULL)
        log_error(log, LOG_ERROR, 0, "%s", why);
    else
        tls_log(log, LOG_ERROR, "SSL_use_cert_and_key() failed");
    return false;
}
