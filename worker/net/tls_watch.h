/*
 * worker/net/tls_watch.h - certificates that are replaced when their files change
 * (common/watched.h).
 */
#pragma once

#include "worker/net/tls_context.h"

/* Config time: the identity's files, which it was loaded from, are watched from now on. `warn_s`:
   so long before a certificate ends the log says so each day; 0: never. May be called again. */
void tls_watch(struct tls_store *store, struct tls_identity *identity, const struct array *certs,
               const struct array *keys, struct str passwords, int64_t warn_s);
