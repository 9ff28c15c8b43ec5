/*
 * worker/net/tls_ocsp.h - the status of clients' certificates, asked for when the handshake is done
 * (RFC 6960).
 */
#pragma once

#include "worker/net/ocsp_zone.h"
#include "worker/net/resolver_conf.h"
#include "worker/net/tls.h"

struct zone_spec;

enum { TLS_OCSP_OFF, TLS_OCSP_ON, TLS_OCSP_LEAF };

struct tls_ocsp_settings {
    int64_t mode;                  /* of all up to the root, or of the client alone */
    struct str responder;          /* URL; empty: that of the certificate */
    const struct zone_spec *cache; /* NULL: every time anew */
    const struct resolver_conf *names;
};

struct tls_ocsp;

/* After the handshake of a client with a certificate that is trusted; again when c->post runs.
   TLS_WAIT or TLS_DONE, whatever comes of it. */
enum tls_result tls_ocsp_check(struct conn *c, const struct tls_ocsp_settings *settings,
                               struct tls_ocsp **state);
void tls_ocsp_free(struct tls_ocsp *ocsp);

/* What speaks against the client's certificate; NULL: nothing. */
const char *tls_ocsp_fault(const struct tls_ocsp *ocsp);
