/*
 * worker/net/tls_file.h - certificates and keys from PEM files, each file read once per generation.
 *
 * Results belong to the pool. NULL or false: *why says what is wrong, in nginx's words.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/pool.h"

struct tls_files;

struct tls_files *tls_files_new(struct pool *pool);

/* The first certificate, and those behind it (*chain may be NULL). */
bool tls_files_cert(struct tls_files *files, struct str path, X509 **leaf, STACK_OF(X509) **chain,
                    const char **why);

/* `passwords`: a file with one in each line, empty for none. */
EVP_PKEY *tls_files_key(struct tls_files *files, struct str path, struct str passwords,
                        const char **why);

/* The same from what is in a file, for who reads it himself: `path` is for messages. Results are
   the caller's to free. */
bool tls_file_parse_cert(struct pool *pool, struct str text, struct str path, X509 **leaf,
                         STACK_OF(X509) **chain, const char **why);
EVP_PKEY *tls_file_parse_key(struct pool *pool, struct str text, struct str path,
                             struct str passwords, const char **why);

/* What is in a file of passwords, in `pool`; nothing where `path` is empty. */
bool tls_file_passwords(struct pool *pool, struct str path, struct str *out, const char **why);

/* What a name says that was worked out while serving: "data:..." and absolute paths stay, others
   are beside the configuration. */
struct str tls_file_beside(struct pool *pool, struct str conf_dir, struct str name);

/* What stands in a path "data:..." itself; data NULL: it is a file's. */
struct str tls_file_data(struct str path);

/* The caller's to free. */
EVP_PKEY *tls_files_dhparam(struct tls_files *files, struct str path, const char **why);
