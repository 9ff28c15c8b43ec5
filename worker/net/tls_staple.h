/*
 * worker/net/tls_staple.h - OCSP responses that go with a server's certificates (RFC 6066, 8).
 *
 * They come from a file, or from the certificate's responder: then the keeper fetches them
 * (keeper/ocsp_refresh.h) and puts them into a zone, from where each worker takes a copy when a
 * client asks and something in the zone has changed.
 */
#pragma once

#include "common/list.h"
#include "worker/event/post.h"
#include "worker/net/ocsp_zone.h"
#include "worker/net/resolver_conf.h"
#include "worker/net/tls_context.h"

struct tls_staple_settings {
    bool on, verify;
    struct str file;               /* path of a response in DER; empty: fetched */
    struct str responder;          /* URL; empty: that of the certificate */
    struct str trusted, client_ca; /* PEM files, may be empty: issuers, and who may sign */
    const struct resolver_conf *names;
    const struct conf_node *node;  /* for faults */
};

/* What goes with one certificate of an identity. */
struct tls_staple {
    const struct tls_staple_settings *settings;
    const struct tls_identity *identity;
    uint32_t which;                /* of its certificates */
    struct str path;               /* of that, for logs */
    X509_STORE *store;             /* of the settings' files; NULL: none */
    struct str file;               /* what the file says; data NULL: fetched */
    struct tls_staple *next;       /* of all those that are fetched */

    /* Of this process. */
    bool known;                    /* the rest is about `version` of the identity */
    bool able;                     /* there is an issuer and a responder */
    uint32_t version;
    struct ocsp_subject subject;
    uint8_t key[OCSP_KEY_BYTES];   /* of the zone: of the subject and of who may speak for it */
    struct str responder;          /* of the heap, when it is the certificate's own */
    uint64_t seen_zone;            /* as of when `response` is what the zone has */
    uint32_t seen_changes;
    struct ocsp_known response;
};

struct tls_staples {
    uint32_t count;
    struct tls_staple each[];
};

/* Config time. What suits the identity under these settings, which must live as long as the
   generation; *out may be NULL where nothing can be stapled: that was a warning. False: a fault,
   reported. */
bool tls_staple_make(struct generation *gen, const struct tls_staple_settings *settings,
                     const struct tls_identity *identity, const struct array *certificates,
                     struct tls_staples **out);

/* Config time, after all of these: asks for the zone. False: a fault, reported. */
bool tls_staple_zone(struct generation *gen);

/* Into a handshake, for the certificate that was chosen. False: there is none to give. */
bool tls_staple_give(struct tls_staples *staples, SSL *ssl);

/* For the keeper: all that are to be fetched; NULL: none. */
struct tls_staple *tls_staple_first(const struct generation *gen);
struct zone *tls_staple_zone_of(const struct generation *gen);

/* Finds out whom to ask about what, anew when the certificate has been replaced. False: nobody. */
bool tls_staple_look(struct tls_staple *s);
