/*
 * worker/net/tls_context.h - what TLS connections have in common: keys, certificates and rules.
 * Read by the master when a configuration is loaded.
 *
 * A host is what one server shows and demands. Servers whose rules are the same share one SSL_CTX
 * (a context), those with the same certificates share them parsed (an identity), and no file is
 * read twice. A context carries the identity that it was first made for; any other is put into a
 * connection when its client has said which server it wants.
 */
#pragma once

#include <openssl/ssl.h>

#include "common/array.h"
#include "common/generation.h"

struct conn;
struct template;

/* Bits of tls_settings.protocols. */
enum {
    TLS_SSL_2 = 1 << 0, /* words that nginx knows and no library speaks any more */
    TLS_SSL_3 = 1 << 1,
    TLS_1_0 = 1 << 2,
    TLS_1_1 = 1 << 3,
    TLS_1_2 = 1 << 4,
    TLS_1_3 = 1 << 5,
};

enum tls_cache {
    TLS_CACHE_NONE, /* clients may ask, none is found */
    TLS_CACHE_OFF,  /* clients are told that there is none */
    TLS_CACHE_ON,
};

/* What is asked of the other side. The handshake succeeds in any case: who cares looks at the
   result afterwards. */
enum tls_verify {
    TLS_VERIFY_OFF,
    TLS_VERIFY_ON,
    TLS_VERIFY_OPTIONAL,       /* a certificate may be missing */
    TLS_VERIFY_OPTIONAL_NO_CA, /* and need not be trusted */
};

/* A file that a directive names, or "data:" and its contents. */
struct tls_file {
    struct str path;
    struct template *template;    /* NULL: the path has no variables */
    const struct conf_node *node;
};

struct tls_command {
    struct str name, value;
    const struct conf_node *node;
};

/* What directives say of connections. All are texts and numbers, so that equal ones are found. */
struct tls_settings {
    bool client;                  /* our side connects; what is about sessions does not apply */
    bool prefer_server_ciphers;
    int64_t protocols;
    struct str ciphers, curves;   /* as OpenSSL reads them; curves "auto": its own */
    struct str dhparam;           /* path; empty: no DHE */
    int64_t buffer_bytes;         /* plaintext of a record */
    bool early_data;              /* a server's: requests may come within the handshake */
    bool compress;                /* certificates, where the library can */
    struct log_file *key_log;     /* secrets of connections for who debugs; NULL: none */
    struct array *commands;       /* struct tls_command, NULL: none */

    int64_t verify;               /* enum tls_verify: the other side's certificate is checked */
    int64_t verify_depth;
    struct str trusted, crl;      /* against these; paths of PEM files, may be empty */
    struct str client_ca;         /* a server's: trusted too, and named to clients */
    bool reuse;                   /* a client's: sessions are kept for the next connection */

    int64_t cache;                /* enum tls_cache */
    int64_t cached;               /* sessions in memory of each worker; 0: none */
    const struct zone_spec *zone; /* where sessions are shared; NULL: nowhere */
    int64_t timeout_s;            /* of sessions */
    bool tickets;
    struct array *ticket_keys;    /* struct tls_file, NULL: keys of our own */
};

struct tls_certificate {
    X509 *leaf;
    STACK_OF(X509) *chain;        /* NULL: none */
    EVP_PKEY *key;
};

/* Certificates are replaced in a running process when their files change (tls_watch.h). */
struct tls_identity {
    struct tls_certificate *certs;
    uint32_t count;
    uint32_t version;             /* counts replacements of the certificates */
    struct tls_certificate *owned; /* these are such; NULL: the files' */
    struct watched_set *watched;  /* NULL: changes are not looked for */
    uint8_t digest[32];           /* of the certificates */
};

struct tls_ocsp_settings;
struct tls_staples;
struct tls_tickets;

struct tls_context {
    SSL_CTX *ctx;
    const struct generation *gen;
    struct tls_tickets *tickets;  /* NULL: none are given */
    uint8_t tickets_later;        /* how many go with the first data that is written */
    const struct tls_settings *settings;
    const struct tls_identity *identity; /* the one that ctx itself has; NULL: none */
    struct str key;                      /* the settings as text */
    struct tls_context *next;            /* of the store's */
};

struct tls_host {
    const struct tls_context *context;   /* NULL: it has no certificate */
    const struct tls_identity *identity;
    struct tls_staples *staples;         /* responses of OCSP for its certificates; NULL: none */
    const struct tls_ocsp_settings *ocsp; /* of clients' certificates; NULL: nobody asks */
    uint8_t session_id[32];              /* sessions are good for hosts with the same */
    /* Puts certificates into a handshake where they are chosen in each; NULL: they are `identity`.
       False: logged, the handshake fails. */
    bool (*choose)(const struct tls_host *host, struct conn *c, SSL *ssl);
    void *choose_data;
    struct tls_host *next;               /* of the store's */
    bool reject;
};

/* All of a generation; made on first use. */
struct tls_store *tls_store_of(struct generation *gen);

struct generation *tls_store_generation(const struct tls_store *store);

/* Where tls_staple.c keeps what is its own. */
struct tls_stapler;
struct tls_stapler **tls_store_stapler(struct tls_store *store);

/* Certificates with their keys, as many of each: cert i goes with key i. `passwords` is the path of
   a file with one in each line, or empty. NULL with *why, and *culprit the file at fault. */
struct tls_identity *tls_identity_load(struct tls_store *store, const struct array *certs,
                                       const struct array *keys, struct str passwords,
                                       const char **why, const struct tls_file **culprit);

/* At run time too: `certs`, as many as there were, take the place of those of the identity, for
   handshakes from now on. The identity owns them then, which the caller has from malloc. False with
   *why, in `scratch`: they do not do, and are the caller's still. */
bool tls_identity_replace(struct tls_store *store, struct tls_identity *identity,
                          struct tls_certificate *certs, struct pool *scratch, const char **why);
void tls_certificates_free(struct tls_certificate *certs, uint32_t count);

/* Fills in *host. `identity` may be NULL (a client's). False with *why. */
bool tls_host_make(struct tls_store *store, const struct tls_settings *settings,
                   const struct tls_identity *identity, struct tls_host *host, const char **why);

/* Makes a connection one of `host`'s. `before` is whose it was; NULL: it is new, of host's
   context. */
enum rc tls_host_apply(SSL *ssl, const struct tls_host *host, const struct tls_host *before);

/* In tls.c: the callbacks through which a connection's host and its protocol are picked, and the
   context in which it began: its sessions belong there. */
int tls_on_hello(SSL *ssl, int *alert, void *arg);
int tls_on_session(SSL *ssl, SSL_SESSION *session);
int tls_on_status(SSL *ssl, void *arg);
int tls_on_certificate(SSL *ssl, void *arg);
int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                const unsigned char *offered, unsigned offered_len, void *arg);
const struct tls_context *tls_first_context(SSL *ssl);
