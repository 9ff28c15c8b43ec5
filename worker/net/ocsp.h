/*
 * worker/net/ocsp.h - questions about the status of certificates, and the answers (RFC 6960).
 *
 * Bytes in, facts out: who carries them is ocsp_fetch.h.
 */
#pragma once

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "common/pool.h"
#include "common/str.h"

#define OCSP_KEY_BYTES 32

/* What a question is about. Zeroed: nothing. */
struct ocsp_subject {
    OCSP_CERTID *id;
    uint8_t key[OCSP_KEY_BYTES]; /* names it in tables */
};

/* Where responders are: "http://host[:port][/path]". The parts point into the text. */
struct ocsp_url {
    struct str text, host, path;
    int port;
};

struct ocsp_verdict {
    bool sound;           /* an answer to the question, by whom it should be, and of these days */
    int status;           /* V_OCSP_CERTSTATUS_... */
    int64_t valid_s;      /* until when, in seconds of the epoch */
    char why[256];        /* not sound: what is wrong */
};

/* False: no memory. */
bool ocsp_subject_init(struct ocsp_subject *subject, X509 *leaf, X509 *issuer);
void ocsp_subject_fini(struct ocsp_subject *subject);

/* What is sent: DER, in `pool`. STR_NONE after an error. */
struct str ocsp_request(struct pool *pool, const struct ocsp_subject *subject);

/* The first responder that the certificate names, in `pool`; empty: it names none. */
struct str ocsp_responder(struct pool *pool, X509 *leaf);

/* False: not such a URL. */
bool ocsp_url_read(struct ocsp_url *url, struct str text);

/* Who has issued `leaf`: one of `chain` (may be NULL), or of `store` (may be NULL). NULL: unknown.
   The caller frees it. */
X509 *ocsp_issuer(X509 *leaf, STACK_OF(X509) *chain, X509_STORE *store);

/* Judges an answer. `chain` may hold the certificates between, `store` those that are trusted; with
   `verify` off its signature is not looked at. */
void ocsp_judge(struct str der, const struct ocsp_subject *subject, STACK_OF(X509) *chain,
                X509_STORE *store, bool verify, struct ocsp_verdict *out);
