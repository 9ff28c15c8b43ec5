/*
 * worker/upstream/secure.h - TLS towards an origin: what is asked of it, the check of what it
 * shows, and sessions kept for the next connection.
 */
#pragma once

#include "common/str.h"
#include "worker/upstream/exchange.h"

struct tls_host;

/* Of the configuration. */
struct secure_options {
    const struct tls_host *host;
    bool verify;      /* its certificate must be trusted and bear the name */
    bool send_name;   /* SNI */
    bool reuse;       /* resume sessions */
    struct str alpn;  /* protocols offered, as ALPN lists them (RFC 7301, 3.1); empty: none */
};

/* Begins the handshake on a connected exchange. `name` is what the origin should be. RC_ERROR:
   logged. */
enum rc secure_begin(struct exchange *x, const struct secure_options *options, struct str name);

/* After the handshake: whether the origin is who it should be. False: logged. */
bool secure_check(const struct exchange *x, struct str name);

/* Whether an idle connection is as good as a new one would be. */
bool secure_matches(const struct exchange *x, const struct secure_options *options,
                    struct str name);

/* An idle connection's bytes may be news of TLS alone (a ticket). False: they are not. */
bool secure_is_quiet(struct exchange *x);

/* Sessions kept by this worker are forgotten. */
void secure_forget(void);
