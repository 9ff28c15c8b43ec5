/*
 * worker/net/ocsp.c - questions about the status of certificates, and the answers.
 */
#include "worker/net/ocsp.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/digest.h"
#include "worker/net/tls.h"

#define SKEW_S      300        /* clocks differ by so much */
#define NO_END_S    (int64_t)3600 /* an answer that does not say how long it is good */

/* Subjects ------------------------------------------------------------------------------------- */

bool ocsp_subject_init(struct ocsp_subject *subject, X509 *leaf, X509 *issuer)
{
    unsigned char *der = NULL;
    int len;

    *subject = (struct ocsp_subject){.id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer)};
    len = subject->id == NULL ? -1 : i2d_OCSP_CERTID(subject->id, &der);
    if (len > 0)
        digest(DIGEST_SHA256, (struct str){(char *)der, (size_t)len}, subject->key);
    OPENSSL_free(der);
    if (len <= 0)
        ocsp_subject_fini(subject);
    ERR_clear_error();
    return len > 0;
}

void ocsp_subject_fini(struct ocsp_subject *subject)
{
    OCSP_CERTID_free(subject->id);
    *subject = (struct ocsp_subject){0};
}

X509 *ocsp_issuer(X509 *leaf, STACK_OF(X509) *chain, X509_STORE *store)
{
    X509_STORE_CTX *look;
    X509 *found = NULL;

    for (int i = 0; chain != NULL && i < sk_X509_num(chain); i++) {
        found = sk_X509_value(chain, i);
        if (X509_check_issued(found, leaf) == X509_V_OK) {
            X509_up_ref(found);
            return found;
        }
    }
    found = NULL;
    look = store == NULL ? NULL : X509_STORE_CTX_new();
    if (look != NULL && (X509_STORE_CTX_init(look, store, NULL, NULL) != 1 ||
                         X509_STORE_CTX_get1_issuer(&found, look, leaf) != 1))
        found = NULL;
    X509_STORE_CTX_free(look);
    ERR_clear_error();
    return found;
}

/* Questions ------------------------------------------------------------------------------------ */

struct str ocsp_request(struct pool *pool, const struct ocsp_subject *subject)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_CERTID_dup(subject->id);
    unsigned char *der = NULL;
    struct str text = STR_NONE;
    int len;

    if (request == NULL || id == NULL || OCSP_request_add0_id(request, id) == NULL) {
        OCSP_CERTID_free(id);
        OCSP_REQUEST_free(request);
        return STR_NONE;
    }
    len = i2d_OCSP_REQUEST(request, &der);
    if (len > 0)
        text = pool_str(pool, (struct str){(char *)der, (size_t)len});
    OPENSSL_free(der);
    OCSP_REQUEST_free(request);
    return text;
}

struct str ocsp_responder(struct pool *pool, X509 *leaf)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
    struct str text = STR("");

    if (urls != NULL && sk_OPENSSL_STRING_num(urls) > 0)
        text = pool_str(pool, str_of(sk_OPENSSL_STRING_value(urls, 0)));
    X509_email_free(urls);
    return text;
}

bool ocsp_url_read(struct ocsp_url *url, struct str text)
{
    struct str rest, authority;
    const char *why;
    ssize_t slash;

    *url = (struct ocsp_url){.text = text, .path = STR("/"), .port = 80};
    if (!str_starts_nocase(text, STR("http://")))
        return false;
    rest = str_from(text, 7);
    slash = str_find(rest, '/');
    authority = slash < 0 ? rest : (struct str){rest.data, (size_t)slash};
    if (slash >= 0)
        url->path = str_from(rest, (size_t)slash);
    for (size_t i = 0; i < rest.len; i++)
        if ((unsigned char)rest.data[i] <= ' ' || (unsigned char)rest.data[i] >= 127)
            return false;
    if (!addr_split(authority, &url->host, &url->port, &why) || url->host.len == 0)
        return false;
    if (url->port <= 0)
        url->port = 80;
    return !str_starts(authority, STR("unix:"));
}

/* Answers -------------------------------------------------------------------------------------- */

static void say(struct ocsp_verdict *out, const char *what)
{
    char text[160];
    size_t len = tls_errors(text, sizeof(text));

    if (len > 0)
        snprintf(out->why, sizeof(out->why), "%s (SSL: %.*s)", what, (int)len, text);
    else
        snprintf(out->why, sizeof(out->why), "%s", what);
}

static int64_t time_of(const ASN1_GENERALIZEDTIME *at)
{
    struct tm tm;

    return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void judge_single(OCSP_BASICRESP *basic, const struct ocsp_subject *subject,
                         struct ocsp_verdict *out)
{
    ASN1_GENERALIZEDTIME *from, *until;

    if (OCSP_resp_find_status(basic, subject->id, &out->status, NULL, NULL, &from, &until) != 1) {
        say(out, "certificate status not found in the OCSP response");
        return;
    }
    if (OCSP_check_validity(from, until, SKEW_S, -1) != 1) {
        say(out, "OCSP_check_validity() failed");
        return;
    }
    out->valid_s = until != NULL ? time_of(until) : clock_wall_s() + NO_END_S;
    out->sound = true;
}

static void judge_basic(OCSP_BASICRESP *basic, const struct ocsp_subject *subject,
                        STACK_OF(X509) *chain, X509_STORE *store, bool verify,
                        struct ocsp_verdict *out)
{
    /* One that is trusted may sign by itself. */
    if (verify && OCSP_basic_verify(basic, chain, store, OCSP_TRUSTOTHER) != 1)
        say(out, "OCSP_basic_verify() failed");
    else
        judge_single(basic, subject, out);
}

void ocsp_judge(struct str der, const struct ocsp_subject *subject, STACK_OF(X509) *chain,
                X509_STORE *store, bool verify, struct ocsp_verdict *out)
{
    const unsigned char *p = (const unsigned char *)der.data;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.len);
    OCSP_BASICRESP *basic = NULL;
    int status;

    *out = (struct ocsp_verdict){.status = V_OCSP_CERTSTATUS_UNKNOWN};
    if (response == NULL) {
        say(out, "d2i_OCSP_RESPONSE() failed");
        return;
    }
    status = OCSP_response_status(response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        snprintf(out->why, sizeof(out->why), "OCSP response not successful (%d: %s)", status,
                 OCSP_response_status_str(status));
    else if ((basic = OCSP_response_get1_basic(response)) == NULL)
        say(out, "OCSP_response_get1_basic() failed");
    else
        judge_basic(basic, subject, chain, store, verify, out);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
}
