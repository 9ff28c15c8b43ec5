/*
 * worker/vars/tls_vars.c - variables of a client's TLS connection: $ssl_...
 *
 * All are asked of OpenSSL when first read; without TLS they are not found.
 */
#include "worker/vars/tls_vars.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "common/clock.h"
#include "worker/codec/escape.h"
#include "worker/net/scope.h"
#include "worker/net/tls.h"

typedef struct str text_fn(struct pool *pool, SSL *ssl);
typedef bool write_fn(BIO *out, X509 *certificate);

static void found_or_missing(struct var_value *out, struct str text)
{
    if (text.len == 0)
        var_missing(out);
    else
        var_found(out, text);
}

/* Of the connection ---------------------------------------------------------------------------- */

static struct str protocol(struct pool *pool, SSL *ssl)
{
    return str_of(SSL_get_version(ssl));
}

static struct str cipher(struct pool *pool, SSL *ssl)
{
    return str_of(SSL_get_cipher_name(ssl));
}

static struct str copy(struct pool *pool, const void *data, size_t len)
{
    char *text = pool_bytes(pool, len);

    memcpy(text, data, len);
    return (struct str){text, len};
}

/* What BIO holds, in the pool; the BIO is freed. */
static struct str take_text(struct pool *pool, BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    struct str text = len > 0 ? copy(pool, data, (size_t)len) : STR("");

    BIO_free(bio);
    return text;
}

/* Those that the client offered: names, or numbers where this library has none. */
static struct str ciphers(struct pool *pool, SSL *ssl)
{
    BIO *out = BIO_new(BIO_s_mem());
    unsigned char *raw;
    size_t len = SSL_get0_raw_cipherlist(ssl, &raw);

    for (size_t i = 0; i + 1 < len; i += 2) {
        const SSL_CIPHER *c = SSL_CIPHER_find(ssl, raw + i);

        if (c != NULL)
            BIO_printf(out, "%s%s", i == 0 ? "" : ":", SSL_CIPHER_get_name(c));
        else
            BIO_printf(out, "%s0x%02x%02x", i == 0 ? "" : ":", raw[i], raw[i + 1]);
    }
    return take_text(pool, out);
}

static void print_group(BIO *out, int nid)
{
    if (nid & TLSEXT_nid_unknown)
        BIO_printf(out, "0x%04x", nid & 0xffff);
    else
        BIO_printf(out, "%s", OBJ_nid2sn(nid));
}

static struct str curve(struct pool *pool, SSL *ssl)
{
    int nid = (int)SSL_get_negotiated_group(ssl);
    BIO *out;

    if (nid == NID_undef)
        return STR("");
    out = BIO_new(BIO_s_mem());
    print_group(out, nid);
    return take_text(pool, out);
}

static struct str curves(struct pool *pool, SSL *ssl)
{
    int count = (int)SSL_get1_groups(ssl, NULL);
    int *nids;
    BIO *out;

    if (count <= 0)
        return STR("");
    nids = pool_alloc(pool, (size_t)count * sizeof(*nids));
    out = BIO_new(BIO_s_mem());
    count = (int)SSL_get1_groups(ssl, nids);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            BIO_puts(out, ":");
        print_group(out, nids[i]);
    }
    return take_text(pool, out);
}

static struct str to_hex(struct pool *pool, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = pool_bytes(pool, len * 2);

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    return (struct str){text, len * 2};
}

static struct str session_id(struct pool *pool, SSL *ssl)
{
    const SSL_SESSION *session = SSL_get0_session(ssl);
    unsigned len = 0;
    const uint8_t *id = session == NULL ? NULL : SSL_SESSION_get_id(session, &len);

    return to_hex(pool, id, len);
}

static struct str session_reused(struct pool *pool, SSL *ssl)
{
    return SSL_session_reused(ssl) ? STR("r") : STR(".");
}

static struct str server_name(struct pool *pool, SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    return name == NULL ? STR("") : copy(pool, name, strlen(name));
}

static struct str alpn(struct pool *pool, SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(ssl, &name, &len);
    return copy(pool, name == NULL ? (const unsigned char *)"" : name, len);
}

/* The handshake is over before a request is read. */
static struct str early_data(struct pool *pool, SSL *ssl)
{
    return SSL_is_init_finished(ssl) ? STR("") : STR("1");
}

/* OpenSSL tells from 3.5 on. */
static struct str unknown(struct pool *pool, SSL *ssl)
{
    return STR("");
}

static struct str client_verify(struct pool *pool, SSL *ssl)
{
    X509 *certificate = SSL_get0_peer_certificate(ssl);
    long result = SSL_get_verify_result(ssl);
    const char *fault;

    if (certificate == NULL)
        return STR("NONE");
    fault = tls_client_fault((struct conn *)(void *)SSL_get_app_data(ssl));
    if (result == X509_V_OK && fault != NULL)
        return pool_printf(pool, "FAILED:%s", fault);
    if (result == X509_V_OK)
        return STR("SUCCESS");
    return pool_printf(pool, "FAILED:%s", X509_verify_cert_error_string(result));
}

enum { PROTOCOL, CIPHER, CIPHERS, CURVE, CURVES, SESSION_ID, REUSED, SERVER_NAME, ALPN, EARLY,
       UNKNOWN, VERIFY };

static text_fn *const texts[] = {
    [PROTOCOL] = protocol, [CIPHER] = cipher, [CIPHERS] = ciphers, [CURVE] = curve,
    [CURVES] = curves, [SESSION_ID] = session_id, [REUSED] = session_reused,
    [SERVER_NAME] = server_name, [ALPN] = alpn, [EARLY] = early_data, [UNKNOWN] = unknown,
    [VERIFY] = client_verify,
};

static SSL *ssl_of(const struct scope *scope)
{
    return scope->conn == NULL ? NULL : tls_of(scope->conn);
}

static void get_text(struct scope *scope, struct var_value *out, uintptr_t which)
{
    SSL *ssl = ssl_of(scope);

    found_or_missing(out, ssl == NULL ? STR("") : texts[which](scope->pool, ssl));
}

/* Of the client's certificate ------------------------------------------------------------------ */

static bool write_pem(BIO *out, X509 *certificate)
{
    return PEM_write_bio_X509(out, certificate) == 1;
}

static bool write_subject(BIO *out, X509 *certificate)
{
    return X509_NAME_print_ex(out, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
}

static bool write_issuer(BIO *out, X509 *certificate)
{
    return X509_NAME_print_ex(out, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
}

static bool write_legacy(BIO *out, const X509_NAME *name)
{
    char *text = X509_NAME_oneline(name, NULL, 0);
    bool good = text != NULL && BIO_puts(out, text) >= 0;

    OPENSSL_free(text);
    return good;
}

static bool write_subject_legacy(BIO *out, X509 *certificate)
{
    return write_legacy(out, X509_get_subject_name(certificate));
}

static bool write_issuer_legacy(BIO *out, X509 *certificate)
{
    return write_legacy(out, X509_get_issuer_name(certificate));
}

static bool write_serial(BIO *out, X509 *certificate)
{
    return i2a_ASN1_INTEGER(out, X509_get_serialNumber(certificate)) > 0;
}

static bool write_start(BIO *out, X509 *certificate)
{
    return ASN1_TIME_print(out, X509_get0_notBefore(certificate)) == 1;
}

static bool write_end(BIO *out, X509 *certificate)
{
    return ASN1_TIME_print(out, X509_get0_notAfter(certificate)) == 1;
}

/* In days; 0 once it has expired. */
static bool write_remaining(BIO *out, X509 *certificate)
{
    int days, seconds;

    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return false;
    return BIO_printf(out, "%d", days < 0 || seconds < 0 ? 0 : days) > 0;
}

static bool write_fingerprint(BIO *out, X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len;

    if (X509_digest(certificate, EVP_sha1(), digest, &len) != 1)
        return false;
    for (unsigned i = 0; i < len; i++)
        BIO_printf(out, "%02x", digest[i]);
    return true;
}

enum { PEM, SUBJECT, ISSUER, SUBJECT_LEGACY, ISSUER_LEGACY, SERIAL, START, END, REMAINING,
       FINGERPRINT };

static write_fn *const writers[] = {
    [PEM] = write_pem, [SUBJECT] = write_subject, [ISSUER] = write_issuer,
    [SUBJECT_LEGACY] = write_subject_legacy, [ISSUER_LEGACY] = write_issuer_legacy,
    [SERIAL] = write_serial, [START] = write_start, [END] = write_end,
    [REMAINING] = write_remaining, [FINGERPRINT] = write_fingerprint,
};

/* Empty when the client showed none. */
static struct str of_certificate(struct scope *scope, uintptr_t which)
{
    SSL *ssl = ssl_of(scope);
    X509 *certificate = ssl == NULL ? NULL : SSL_get0_peer_certificate(ssl);
    BIO *out;

    if (certificate == NULL)
        return STR("");
    out = BIO_new(BIO_s_mem());
    if (writers[which](out, certificate))
        return take_text(scope->pool, out);
    BIO_free(out);
    return STR("");
}

static void get_certificate(struct scope *scope, struct var_value *out, uintptr_t which)
{
    found_or_missing(out, of_certificate(scope, which));
}

/* As a header field can carry it: every line but the first begins with a tab. */
static void get_folded(struct scope *scope, struct var_value *out, uintptr_t unused)
{
    struct str pem = of_certificate(scope, PEM);
    char *text, *p;

    if (pem.len == 0) {
        var_missing(out);
        return;
    }
    text = p = pool_bytes(scope->pool, pem.len * 2);
    for (size_t i = 0; i + 1 < pem.len; i++) {
        *p++ = pem.data[i];
        if (pem.data[i] == '\n')
            *p++ = '\t';
    }
    var_found(out, str_range(text, p));
}

static void get_escaped(struct scope *scope, struct var_value *out, uintptr_t unused)
{
    found_or_missing(out, escape(scope->pool, of_certificate(scope, PEM), ESCAPE_COMPONENT));
}

static const struct var_def variables[] = {
    {.name = "ssl_protocol", .get = get_text, .data = PROTOCOL},
    {.name = "ssl_cipher", .get = get_text, .data = CIPHER},
    {.name = "ssl_ciphers", .get = get_text, .data = CIPHERS},
    {.name = "ssl_curve", .get = get_text, .data = CURVE},
    {.name = "ssl_curves", .get = get_text, .data = CURVES},
    {.name = "ssl_session_id", .get = get_text, .data = SESSION_ID},
    {.name = "ssl_session_reused", .get = get_text, .data = REUSED},
    {.name = "ssl_server_name", .get = get_text, .data = SERVER_NAME},
    {.name = "ssl_alpn_protocol", .get = get_text, .data = ALPN},
    {.name = "ssl_early_data", .get = get_text, .data = EARLY, .flags = VAR_NO_CACHE},
    {.name = "ssl_sigalg", .get = get_text, .data = UNKNOWN},
    {.name = "ssl_sigalgs", .get = get_text, .data = UNKNOWN},
    {.name = "ssl_client_sigalg", .get = get_text, .data = UNKNOWN},
    {.name = "ssl_ech_status", .get = get_text, .data = UNKNOWN},
    {.name = "ssl_ech_outer_server_name", .get = get_text, .data = UNKNOWN},
    {.name = "ssl_client_verify", .get = get_text, .data = VERIFY},
    {.name = "ssl_client_cert", .get = get_folded},
    {.name = "ssl_client_raw_cert", .get = get_certificate, .data = PEM},
    {.name = "ssl_client_escaped_cert", .get = get_escaped},
    {.name = "ssl_client_s_dn", .get = get_certificate, .data = SUBJECT},
    {.name = "ssl_client_i_dn", .get = get_certificate, .data = ISSUER},
    {.name = "ssl_client_s_dn_legacy", .get = get_certificate, .data = SUBJECT_LEGACY},
    {.name = "ssl_client_i_dn_legacy", .get = get_certificate, .data = ISSUER_LEGACY},
    {.name = "ssl_client_serial", .get = get_certificate, .data = SERIAL},
    {.name = "ssl_client_fingerprint", .get = get_certificate, .data = FINGERPRINT},
    {.name = "ssl_client_v_start", .get = get_certificate, .data = START},
    {.name = "ssl_client_v_end", .get = get_certificate, .data = END},
    {.name = "ssl_client_v_remain", .get = get_certificate, .data = REMAINING},
};

const struct module tls_vars_module = {
    .name = "tls_vars",
    .doc = "Variables of a client's TLS connection.",
    .family = FAMILY_HTTP,
    .variables = TABLE(variables),
};
