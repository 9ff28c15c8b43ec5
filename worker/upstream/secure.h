/*
 * worker/upstream/secure.h - TLS towards an origin: what is asked of it, the check of what it
 * shows, and sessions kept for the next connection.
 */
#pragma once

#include "common/str.h"
#include "worker/upstream/exchange.h"

struct pool;
struct tls_cert_cache;
struct tls_host;

/* Of the configuration. */
struct secure_options {
    const struct tls_host *host;
    bool verify;      /* its certificate must be trusted and bear the name */
    bool send_name;   /* SNI */
    bool reuse;       /* resume sessions */
    struct str alpn;  /* protocols offered, as ALPN lists them (RFC 7301, 3.1); empty: none */
};

/* A certificate that is chosen for one try, and for those that choose the same. */
struct secure_shown {
    struct str certificate, key;   /* paths, or "data:" and contents */
    struct str passwords;          /* one in each line */
    struct tls_cert_cache *cache;  /* NULL: they are read for each connection */
    uint8_t id[SECURE_ID];         /* as secure_id_of makes it */
};

/* What tells certificates that are shown apart: a digest of both names. */
void secure_id_of(struct secure_shown *shown);

/* Begins the handshake on a connected exchange. `name` is what the origin should be. RC_ERROR:
   logged. */
enum rc secure_begin(struct exchange *x, const struct secure_options *options, struct str name);

/* Then: our side shows that certificate. `pool` is for what is read of files. RC_ERROR: logged;
   it cannot be had. */
enum rc secure_show(struct exchange *x, const struct secure_shown *shown, struct pool *pool);

/* Then: a session of the like is resumed, if there is one. */
void secure_resume(struct exchange *x);

/* After the handshake: whether the origin is who it should be. False: logged. */
bool secure_check(const struct exchange *x, struct str name);

/* Whether an idle connection is as good as a new one would be. `shown`: NULL where it is not
   chosen, or none is. */
bool secure_matches(const struct exchange *x, const struct secure_options *options, struct str name,
                    const struct secure_shown *shown);

bool secure_shows_same(const struct secure_shown *a, const struct secure_shown *b);

/* An idle connection's bytes may be news of TLS alone (a ticket). False: they are not. */
bool secure_is_quiet(struct exchange *x);

/* Sessions kept by this worker are forgotten. */
void secure_forget(void);
