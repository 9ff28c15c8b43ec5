/*
 * worker/net/tls_session.h - sessions that may be resumed, in a zone that all workers share
 * (ssl_session_cache shared:name:size).
 */
#pragma once

#include <openssl/ssl.h>

#include "common/zone.h"

extern const struct zone_kind tls_session_zone;

/* Keeps it until its time is over; the oldest make room. */
void tls_session_put(struct zone *z, SSL_SESSION *session);

/* A new reference, or NULL. */
SSL_SESSION *tls_session_find(struct zone *z, const unsigned char *id, size_t len);

void tls_session_drop(struct zone *z, const unsigned char *id, size_t len);
