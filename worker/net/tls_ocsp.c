/*
 * worker/net/tls_ocsp.c - the status of clients' certificates.
 *
 * One certificate after the other, each about its issuer, the next of the chain. What the cache
 * says is enough; else the responder is asked. A status that nobody tells counts as a bad one.
 */
#include "worker/net/tls_ocsp.h"

#include <openssl/err.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/generation.h"
#include "worker/net/ocsp_fetch.h"

#define KEPT_S 3600 /* a verdict in the cache, at most */

struct tls_ocsp {
    struct conn *conn;
    const struct tls_ocsp_settings *settings;
    STACK_OF(X509) *chain;
    int at, end;                /* of the chain: the one that is asked about, and behind the last */
    struct ocsp_subject subject;
    struct pool *pool;          /* of the question; NULL: none is under way */
    struct ocsp_fetch fetch;
    const char *fault;
};

/* The chain ------------------------------------------------------------------------------------ */

/* A session that was resumed has no chain: it is made again. */
static STACK_OF(X509) *build_chain(SSL *ssl)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;

    if (c != NULL &&
        X509_STORE_CTX_init(c, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)),
                            SSL_get0_peer_certificate(ssl), SSL_get_peer_cert_chain(ssl)) == 1 &&
        X509_STORE_CTX_set_default(c, "ssl_client") == 1 && X509_verify_cert(c) == 1)
        chain = X509_STORE_CTX_get1_chain(c);
    X509_STORE_CTX_free(c);
    ERR_clear_error();
    return chain;
}

static struct tls_ocsp *begin(struct conn *c, const struct tls_ocsp_settings *settings)
{
    struct tls_ocsp *o = calloc(1, sizeof(*o));
    SSL *ssl = tls_of(c);
    STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);

    must(o != NULL);
    o->conn = c;
    o->settings = settings;
    o->chain = verified != NULL ? X509_chain_up_ref(verified) : build_chain(ssl);
    o->end = o->chain == NULL ? 0 : sk_X509_num(o->chain) - 1; /* the root vouches for itself */
    if (settings->mode == TLS_OCSP_LEAF)
        o->end = MIN(o->end, 1);
    if (o->chain == NULL)
        o->fault = "certificate status request failed";
    return o;
}

/* Verdicts ------------------------------------------------------------------------------------- */

static void conclude(struct tls_ocsp *o, int status)
{
    if (status == V_OCSP_CERTSTATUS_GOOD)
        o->at++;
    else
        o->fault = status == V_OCSP_CERTSTATUS_REVOKED ? "certificate revoked"
                                                       : "certificate status request failed";
}

static void end_question(struct tls_ocsp *o)
{
    if (o->pool == NULL)
        return;
    ocsp_fetch_end(&o->fetch);
    pool_destroy(o->pool);
    o->pool = NULL;
}

static void keep(const struct tls_ocsp *o, const struct ocsp_verdict *verdict)
{
    struct ocsp_known known = {.status = verdict->status};

    if (o->settings->cache == NULL || o->settings->cache->zone == NULL)
        return;
    known.valid_s = MIN(verdict->valid_s, clock_wall_s() + KEPT_S);
    ocsp_zone_put(o->settings->cache->zone, o->subject.key, &known);
}

static void take_answer(struct tls_ocsp *o)
{
    struct ocsp_verdict verdict = {.status = V_OCSP_CERTSTATUS_UNKNOWN};

    if (o->fetch.state == FETCH_DONE) {
        ocsp_judge(o->fetch.answer, &o->subject, o->chain,
                   SSL_CTX_get_cert_store(SSL_get_SSL_CTX(tls_of(o->conn))), true, &verdict);
        if (verdict.sound)
            keep(o, &verdict);
        else
            log_error(&o->conn->log, LOG_ERROR, 0, "%s while requesting certificate status",
                      verdict.why);
    }
    end_question(o);
    conclude(o, verdict.sound ? verdict.status : V_OCSP_CERTSTATUS_UNKNOWN);
}

/* Questions ------------------------------------------------------------------------------------ */

static bool is_cached(const struct tls_ocsp *o, int *status)
{
    struct ocsp_known known;

    if (o->settings->cache == NULL || o->settings->cache->zone == NULL ||
        !ocsp_zone_find(o->settings->cache->zone, o->subject.key, &known))
        return false;
    *status = known.status;
    return true;
}

static bool ask(struct tls_ocsp *o, X509 *cert)
{
    struct str responder = o->settings->responder;

    o->pool = pool_create(POOL_BLOCK);
    o->fetch = (struct ocsp_fetch){.names = o->settings->names, .done = &o->conn->post,
                                   .about = STR("of a client")};
    o->fetch.request = ocsp_request(o->pool, &o->subject);
    if (responder.len == 0)
        responder = ocsp_responder(o->pool, cert);
    if (o->fetch.request.data != NULL && ocsp_url_read(&o->fetch.url, responder)) {
        ocsp_fetch_start(&o->fetch);
        return true;
    }
    log_error(&o->conn->log, LOG_ERROR, 0, "no OCSP responder for the client's certificate");
    end_question(o);
    return false;
}

/* About the certificate at hand. */
static void begin_question(struct tls_ocsp *o)
{
    X509 *cert = sk_X509_value(o->chain, o->at), *issuer = sk_X509_value(o->chain, o->at + 1);
    int status = V_OCSP_CERTSTATUS_UNKNOWN;

    ocsp_subject_fini(&o->subject);
    if (!ocsp_subject_init(&o->subject, cert, issuer) || is_cached(o, &status) || !ask(o, cert))
        conclude(o, status);
}

/* The check ------------------------------------------------------------------------------------ */

enum tls_result tls_ocsp_check(struct conn *c, const struct tls_ocsp_settings *settings,
                               struct tls_ocsp **state)
{
    SSL *ssl = tls_of(c);
    struct tls_ocsp *o = *state;

    if (o == NULL && (SSL_get0_peer_certificate(ssl) == NULL ||
                      SSL_get_verify_result(ssl) != X509_V_OK))
        return TLS_DONE;
    if (o == NULL)
        o = *state = begin(c, settings);
    while (o->fault == NULL && o->at < o->end) {
        if (o->pool == NULL)
            begin_question(o);
        else if (o->fetch.state == FETCH_DONE || o->fetch.state == FETCH_FAILED)
            take_answer(o);
        else
            return TLS_WAIT;
    }
    return TLS_DONE;
}

const char *tls_ocsp_fault(const struct tls_ocsp *o)
{
    return o == NULL ? NULL : o->fault;
}

void tls_ocsp_free(struct tls_ocsp *o)
{
    if (o == NULL)
        return;
    end_question(o);
    ocsp_subject_fini(&o->subject);
    sk_X509_pop_free(o->chain, X509_free);
    free(o);
}
