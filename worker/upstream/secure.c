/*
 * worker/upstream/secure.c - TLS towards an origin.
 *
 * Sessions are kept in a table with one place for each hash of origin, name and settings: a
 * collision costs a full handshake, nothing else. A resumed session stands for the certificate that
 * was shown when it began (RFC 8446, 2.2): it is resumed by who would show the same.
 */
#include "worker/upstream/secure.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "common/addr.h"
#include "common/digest.h"
#include "worker/net/tls.h"
#include "worker/net/tls_cert_cache.h"
#include "worker/upstream/group.h"

#define SESSIONS 512

static struct {
    uint64_t key;
    SSL_SESSION *session;
    uint8_t certificate[SECURE_ID]; /* of ours; zeroes: none */
} kept[SESSIONS];

static uint64_t key_of(const struct exchange *x, const struct secure_options *options,
                       struct str name)
{
    struct addr to;
    uint64_t key;

    conn_peer(&x->conn, &to);
    key = str_hash_fixed((struct str){(const char *)&to.any, to.len});
    return key * 31 + str_hash_fixed(name) * 7 + (uint64_t)(uintptr_t)options->host / 16;
}

static void certificate_of(SSL *ssl, uint8_t *id)
{
    X509 *own = SSL_get_certificate(ssl);
    unsigned len = SECURE_ID;

    memset(id, 0, SECURE_ID);
    if (own != NULL)
        X509_digest(own, EVP_sha256(), id, &len);
}

static bool keep(struct conn *c, SSL_SESSION *session)
{
    const struct exchange *x = CONTAINER(c, struct exchange, conn);
    size_t at = x->session_key % SESSIONS;

    SSL_SESSION_free(kept[at].session);
    kept[at].session = session;
    kept[at].key = x->session_key;
    certificate_of(tls_of(c), kept[at].certificate);
    return true;
}

void secure_forget(void)
{
    for (size_t i = 0; i < SESSIONS; i++)
        SSL_SESSION_free(kept[i].session);
    memset(kept, 0, sizeof(kept));
}

/* RFC 6066, 3: names only, no addresses. */
static bool is_address(struct str name)
{
    char text[INET6_ADDRSTRLEN + 2];
    uint8_t addr[16];

    if (name.len == 0 || name.len >= sizeof(text))
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    return text[0] == '[' || inet_pton(AF_INET, text, addr) == 1 ||
           inet_pton(AF_INET6, text, addr) == 1;
}

/* "a.example:8443" is a.example. */
static struct str without_port(struct str name)
{
    struct str host;
    const char *why;
    int port;

    return addr_split(name, &host, &port, &why) ? host : name;
}

enum rc secure_begin(struct exchange *x, const struct secure_options *options, struct str name)
{
    name = without_port(name);
    x->secure = options;
    x->name_hash = str_hash_fixed(name);
    x->session_key = key_of(x, options, name);
    if (!options->send_name || is_address(name))
        name = STR("");
    if (tls_connect(&x->conn, options->host, name, keep) != RC_OK)
        return RC_ERROR;
    if (options->alpn.len > 0)
        SSL_set_alpn_protos(tls_of(&x->conn), (const unsigned char *)options->alpn.data,
                            (unsigned)options->alpn.len);
    x->conn.log.doing = "SSL handshaking to upstream";
    return RC_OK;
}

/* What is shown ------------------------------------------------------------------------------- */

/* Which ends where is part of it. */
void secure_id_of(struct secure_shown *shown)
{
    uint64_t len = shown->certificate.len;
    struct str parts[] = {{(const char *)&len, sizeof(len)}, shown->certificate, shown->key};
    uint8_t bytes[DIGEST_MAX];

    digest_parts(DIGEST_SHA256, parts, COUNT(parts), bytes);
    memcpy(shown->id, bytes, SECURE_ID);
}

bool secure_shows_same(const struct secure_shown *a, const struct secure_shown *b)
{
    return a == b || (a != NULL && b != NULL && memcmp(a->id, b->id, SECURE_ID) == 0);
}

enum rc secure_show(struct exchange *x, const struct secure_shown *shown, struct pool *pool)
{
    uint64_t id;

    memcpy(x->shown, shown->id, SECURE_ID);
    memcpy(&id, shown->id, sizeof(id));
    x->session_key ^= id;
    return tls_cert_cache_use(shown->cache, pool, tls_of(&x->conn), shown->certificate, shown->key,
                              shown->passwords, &x->conn.log) ? RC_OK : RC_ERROR;
}

void secure_resume(struct exchange *x)
{
    size_t at = x->session_key % SESSIONS;
    uint8_t certificate[SECURE_ID];

    if (!x->secure->reuse || kept[at].session == NULL || kept[at].key != x->session_key)
        return;
    certificate_of(tls_of(&x->conn), certificate);
    if (memcmp(certificate, kept[at].certificate, SECURE_ID) == 0)
        SSL_set_session(tls_of(&x->conn), kept[at].session);
}

/* What is seen -------------------------------------------------------------------------------- */

static bool bears_name(X509 *certificate, struct str name)
{
    return X509_check_host(certificate, name.data, name.len, 0, NULL) == 1;
}

bool secure_check(const struct exchange *x, struct str name)
{
    SSL *ssl = tls_of(&x->conn);
    X509 *certificate;
    long result;
    bool good;

    if (!x->secure->verify)
        return true;
    result = SSL_get_verify_result(ssl);
    if (result != X509_V_OK) {
        log_error(&x->conn.log, LOG_ERROR, 0, "upstream SSL certificate verify error: (%ld:%s)",
                  result, X509_verify_cert_error_string(result));
        return false;
    }
    certificate = SSL_get1_peer_certificate(ssl);
    name = without_port(name);
    good = certificate != NULL && bears_name(certificate, name);
    X509_free(certificate);
    if (!good)
        log_error(&x->conn.log, LOG_ERROR, 0,
                  "upstream SSL certificate does not match \"%" STR_FMT "\"", STR_ARG(name));
    return good;
}

bool secure_matches(const struct exchange *x, const struct secure_options *options, struct str name,
                    const struct secure_shown *shown)
{
    static const uint8_t none[SECURE_ID];

    if (x->secure != options)
        return false;
    return options == NULL ||
           (x->name_hash == str_hash_fixed(without_port(name)) &&
            memcmp(x->shown, shown == NULL ? none : shown->id, SECURE_ID) == 0);
}

bool secure_is_quiet(struct exchange *x)
{
    char byte;

    return x->secure != NULL && conn_recv(&x->conn, &byte, 1) == CONN_AGAIN;
}
