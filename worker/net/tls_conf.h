/*
 * worker/net/tls_conf.h - what directives about TLS have in common, towards clients and origins.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/net/tls_cert_cache.h"
#include "worker/net/tls_context.h"

/* For VALUE_BITS: SSLv2 ... TLSv1.3. */
extern const struct word tls_protocol_words[];

/* Adds the file that the directive's first argument names ("data:..." stays so) to a list of struct
   tls_file, made when first needed. */
bool tls_conf_add_file(struct conf_call *call, struct array **list);

/* The same where there may be variables, of http. */
bool tls_conf_add_template(struct conf_call *call, struct array **list);

/* off | max=N [inactive=time] [valid=time] */
bool tls_conf_set_cache(struct conf_call *call, struct tls_cert_cache_conf *cache);

/* Adds a command of OpenSSL's to a list of struct tls_command. */
bool tls_conf_add_command(struct conf_call *call, struct array **list);

/* The file for secrets of connections: made here, for nobody else to read, before logs are
   opened. */
bool tls_conf_set_key_log(struct conf_call *call, struct tls_settings *settings);

/* The identity of certificates and as many keys; reports what is wrong at its place. `prefix`:
   "ssl", "proxy_ssl" ... */
bool tls_conf_identity(struct generation *gen, const char *prefix, const struct array *certificates,
                       const struct array *keys, struct str password_file,
                       struct tls_identity **identity);
