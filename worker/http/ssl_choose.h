/*
 * worker/http/ssl_choose.h - certificates whose names have variables: chosen in the handshake.
 */
#pragma once

#include "worker/http/server.h"
#include "worker/net/tls_cert_cache.h"
#include "worker/net/tls_context.h"

struct ssl_choice;

/* Config time: makes `host` one that chooses among `certs` and `keys` (struct tls_file, as many of
   each) for clients of `server`. False: a fault, reported. */
bool ssl_choose_make(struct generation *gen, const struct http_server *server,
                     const struct array *certs, const struct array *keys, struct str password_file,
                     const struct tls_cert_cache_conf *cache, struct tls_host *host);
