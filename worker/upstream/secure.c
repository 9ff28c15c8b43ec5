/*
 * worker/upstream/secure.c - TLS towards an origin.
 *
 * Sessions are kept in a table with one place for each hash of origin, name and settings: a
 * collision costs a full handshake, nothing else.
 */
#include "worker/upstream/secure.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include "common/addr.h"
#include "worker/net/tls.h"
#include "worker/upstream/group.h"

#define SESSIONS 512

static struct {
    uint64_t key;
    SSL_SESSION *session;
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

static bool keep(struct conn *c, SSL_SESSION *session)
{
    const struct exchange *x = CONTAINER(c, struct exchange, conn);
    size_t at = x->session_key % SESSIONS;

    SSL_SESSION_free(kept[at].session);
    kept[at].session = session;
    kept[at].key = x->session_key;
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
    SSL_SESSION *session = NULL;
    size_t at;

    name = without_port(name);
    x->secure = options;
    x->name_hash = str_hash_fixed(name);
    x->session_key = key_of(x, options, name);
    at = x->session_key % SESSIONS;
    if (options->reuse && kept[at].key == x->session_key)
        session = kept[at].session;
    if (!options->send_name || is_address(name))
        name = STR("");
    if (tls_connect(&x->conn, options->host, name, session, keep) != RC_OK)
        return RC_ERROR;
    if (options->alpn.len > 0)
        SSL_set_alpn_protos(tls_of(&x->conn), (const unsigned char *)options->alpn.data,
                            (unsigned)options->alpn.len);
    x->conn.log.doing = "SSL handshaking to upstream";
    return RC_OK;
}

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

bool secure_matches(const struct exchange *x, const struct secure_options *options, struct str name)
{
    return x->secure == options &&
           (options == NULL || x->name_hash == str_hash_fixed(without_port(name)));
}

bool secure_is_quiet(struct exchange *x)
{
    char byte;

    return x->secure != NULL && conn_recv(&x->conn, &byte, 1) == CONN_AGAIN;
}
