/*
 * worker/net/tls_cert_cache.h - certificates and keys that a worker reads while it serves, kept for
 * the next handshake (ssl_certificate_cache).
 *
 * What was looked at within `valid` is taken as it is; after that it is read again if the file has
 * changed. What nobody has asked for within `inactive` goes, and what was unused longest when there
 * are too many.
 */
#pragma once

#include <openssl/ssl.h>

#include "common/pool.h"

struct log;

struct tls_cert_cache;

struct tls_cert_cache_conf {
    int64_t max;                 /* entries; 0: nothing is kept */
    int64_t inactive_s, valid_s;
};

/* For one process; NULL where nothing is kept. */
struct tls_cert_cache *tls_cert_cache_new(const struct tls_cert_cache_conf *conf);
void tls_cert_cache_free(struct tls_cert_cache *cache);

/* The certificate at `path`, or in "data:...", and those behind it (*chain may be NULL). References
   of the caller's. False with *why, in `pool`. `cache` may be NULL. */
bool tls_cert_cache_cert(struct tls_cert_cache *cache, struct pool *pool, struct str path,
                         X509 **leaf, STACK_OF(X509) **chain, const char **why);

/* The key; NULL with *why. `passwords`: one in each line, or empty. */
EVP_PKEY *tls_cert_cache_key(struct tls_cert_cache *cache, struct pool *pool, struct str path,
                             struct str passwords, const char **why);

/* Both, for one connection. False: logged. */
bool tls_cert_cache_use(struct tls_cert_cache *cache, struct pool *pool, SSL *ssl, struct str cert,
                        struct str key, struct str passwords, const struct log *log);
