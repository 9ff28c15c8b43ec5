/*
 * worker/http/http_ssl.c - the directives of TLS for http, and what becomes of them.
 *
 * Servers that inherit everything share the struct of the http block, and with it one host; those
 * that say the same in their own words share at least the context (net/tls_context.c).
 */
#include "worker/http/http_ssl.h"

#include "common/conf_load.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/http/server.h"
#include "worker/http/ssl_choose.h"
#include "worker/net/resolver_conf.h"
#include "worker/net/tls.h"
#include "worker/net/tls_conf.h"
#include "worker/net/tls_session.h"
#include "worker/net/tls_staple.h"
#include "worker/net/tls_watch.h"

uint32_t http_ssl_index;

#define F(member) FIELD(struct http_ssl_conf, member)

static const struct word verify_words[] = {
    {"off", TLS_VERIFY_OFF}, {"on", TLS_VERIFY_ON}, {"optional", TLS_VERIFY_OPTIONAL},
    {"optional_no_ca", TLS_VERIFY_OPTIONAL_NO_CA}, {NULL, 0}};

static const struct word ocsp_words[] = {
    {"off", TLS_OCSP_OFF}, {"on", TLS_OCSP_ON}, {"leaf", TLS_OCSP_LEAF}, {NULL, 0}};

/* Directives ----------------------------------------------------------------------------------- */

static bool add_certificate(struct conf_call *call)
{
    return tls_conf_add_template(call, &((struct http_ssl_conf *)call->conf)->certificates);
}

static bool add_key(struct conf_call *call)
{
    return tls_conf_add_template(call, &((struct http_ssl_conf *)call->conf)->keys);
}

static bool add_ticket_key(struct conf_call *call)
{
    return tls_conf_add_file(call, &((struct http_ssl_conf *)call->conf)->tls.ticket_keys);
}

/* shared:name:size */
static bool read_shared(struct conf_call *call, uint32_t i, struct str text)
{
    struct http_ssl_conf *conf = call->conf;
    struct str name = str_cut(&text, ':');
    const char *why;
    int64_t bytes;

    if (name.len == 0 || text.data == NULL || !conf_size(text, &bytes))
        return conf_fail_arg(call, i, "invalid session cache \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, i)));
    if (bytes < (int64_t)ZONE_MIN_BYTES)
        return conf_fail_arg(call, i, "session cache \"%" STR_FMT "\" is too small",
                             STR_ARG(conf_arg(call, i)));
    conf->tls.zone = generation_zone(call->gen, name, bytes, &tls_session_zone, call->node, &why);
    return conf->tls.zone != NULL || conf_fail_arg(call, i, "%s", why);
}

/* builtin[:size], in sessions */
static bool read_builtin(struct conf_call *call, uint32_t i, struct str text)
{
    struct http_ssl_conf *conf = call->conf;

    conf->tls.cached = SSL_SESSION_CACHE_MAX_SIZE_DEFAULT;
    if (text.len == 0 || (text.data[0] == ':' && conf_int(str_from(text, 1), &conf->tls.cached) &&
                          conf->tls.cached > 0))
        return true;
    return conf_fail_arg(call, i, "invalid session cache \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, i)));
}

static bool set_session_cache(struct conf_call *call)
{
    struct http_ssl_conf *conf = call->conf;
    bool good = true;

    conf->tls.cached = 0;
    conf->tls.zone = NULL;
    for (uint32_t i = 0; i < call->count; i++) {
        struct str word = conf_arg(call, i);

        conf->tls.cache = TLS_CACHE_ON;
        if (str_eq(word, STR("off")))
            conf->tls.cache = TLS_CACHE_OFF;
        else if (str_eq(word, STR("none")))
            conf->tls.cache = TLS_CACHE_NONE;
        else if (str_starts(word, STR("builtin")))
            good &= read_builtin(call, i, str_from(word, 7));
        else if (str_starts(word, STR("shared:")))
            good &= read_shared(call, i, str_from(word, 7));
        else
            good = conf_fail_arg(call, i, "invalid session cache \"%" STR_FMT "\"", STR_ARG(word));
    }
    return good;
}

/* off | shared:name:size */
static bool set_ocsp_cache(struct conf_call *call)
{
    struct http_ssl_conf *conf = call->conf;
    struct str text = conf_arg(call, 0), name;
    const char *why;
    int64_t bytes;

    conf->ocsp.cache = NULL;
    if (str_eq(text, STR("off")))
        return true;
    name = str_starts(text, STR("shared:")) ? str_from(text, 7) : STR("");
    text = name;
    name = str_cut(&text, ':');
    if (name.len == 0 || text.data == NULL || !conf_size(text, &bytes))
        return conf_fail_arg(call, 0, "invalid OCSP cache \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)));
    if (bytes < (int64_t)ZONE_MIN_BYTES)
        return conf_fail_arg(call, 0, "OCSP cache \"%" STR_FMT "\" is too small",
                             STR_ARG(conf_arg(call, 0)));
    conf->ocsp.cache = generation_zone(call->gen, name, bytes, &ocsp_zone_kind, call->node, &why);
    return conf->ocsp.cache != NULL || conf_fail_arg(call, 0, "%s", why);
}

static bool set_cert_cache(struct conf_call *call)
{
    return tls_conf_set_cache(call, &((struct http_ssl_conf *)call->conf)->cache);
}

static bool set_compression(struct conf_call *call)
{
    struct http_ssl_conf *conf = call->conf;

    if (!conf_flag(conf_arg(call, 0), &conf->tls.compress))
        return conf_fail_arg(call, 0, "\"ssl_certificate_compression\" takes \"on\" or \"off\"");
#ifndef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
    if (conf->tls.compress)
        conf_warn(call, "\"ssl_certificate_compression\" is not supported on this platform, "
                        "ignored");
#endif
    return true;
}

static bool refuse_ech(struct conf_call *call)
{
    return conf_fail(call, "\"ssl_ech_file\" is not supported by this OpenSSL (%s): it takes 4.0",
                     OpenSSL_version(OPENSSL_VERSION));
}

static bool set_key_log(struct conf_call *call)
{
    return tls_conf_set_key_log(call, &((struct http_ssl_conf *)call->conf)->tls);
}

static bool add_command(struct conf_call *call)
{
    return tls_conf_add_command(call, &((struct http_ssl_conf *)call->conf)->tls.commands);
}

/* Loading -------------------------------------------------------------------------------------- */

static bool load_staples(struct generation *gen, const struct http_server *server,
                         struct http_ssl_conf *conf)
{
    conf->staple.trusted = conf->tls.trusted;
    conf->staple.client_ca = conf->tls.client_ca;
    conf->staple.names = server->scope->conf[resolver_index];
    if (conf->staple.node == NULL)
        conf->staple.node = server->node;
    return tls_staple_make(gen, &conf->staple, conf->host.identity, conf->certificates,
                           &conf->host.staples);
}

static bool load_ocsp(struct generation *gen, const struct http_server *server,
                      struct http_ssl_conf *conf)
{
    struct ocsp_url url;

    if (conf->ocsp.mode == TLS_OCSP_OFF)
        return true;
    if (conf->tls.verify == TLS_VERIFY_OPTIONAL_NO_CA)
        return conf_fail_at(gen, server->node, "\"ssl_ocsp\" is incompatible with "
                                               "\"ssl_verify_client optional_no_ca\"");
    if (conf->ocsp.responder.len > 0 && !ocsp_url_read(&url, conf->ocsp.responder))
        return conf_fail_at(gen, server->node, "invalid URL prefix in OCSP responder \"%" STR_FMT
                            "\" in \"ssl_ocsp_responder\"", STR_ARG(conf->ocsp.responder));
    conf->ocsp.names = server->scope->conf[resolver_index];
    conf->host.ocsp = &conf->ocsp;
    return true;
}

static bool has_template(const struct array *files)
{
    for (uint32_t i = 0; files != NULL && i < files->count; i++)
        if (((const struct tls_file *)array_at(files, i))->template != NULL)
            return true;
    return false;
}

static bool load_identity(struct generation *gen, struct http_ssl_conf *conf,
                          struct tls_identity **identity)
{
    if (!tls_conf_identity(gen, "ssl", conf->certificates, conf->keys, conf->password_file,
                           identity))
        return false;
    if (conf->watch && !gen->testing)
        tls_watch(tls_store_of(gen), *identity, conf->certificates, conf->keys,
                  conf->password_file, conf->expiry_warn_s);
    return true;
}

static bool load_host(struct generation *gen, const struct http_server *server,
                      struct http_ssl_conf *conf)
{
    bool chooses = has_template(conf->certificates) || has_template(conf->keys);
    struct tls_identity *identity = NULL;
    const struct conf_node *node = server->node;
    const char *why;

    if (conf->loaded)
        return true;
    conf->loaded = true;
    conf->host.reject = conf->reject;
    if (conf->tls.verify != TLS_VERIFY_OFF && conf->tls.verify != TLS_VERIFY_OPTIONAL_NO_CA &&
        conf->tls.client_ca.len == 0 && conf->tls.trusted.len == 0)
        return conf_fail_at(gen, node, "no ssl_client_certificate for ssl_verify_client");
    if (!load_ocsp(gen, server, conf))
        return false;
    if (conf->certificates == NULL && !conf->reject)
        return true;
    if (conf->certificates != NULL)
        node = ((struct tls_file *)array_at(conf->certificates, 0))->node;
    if (conf->certificates != NULL && !chooses && !load_identity(gen, conf, &identity))
        return false;
    if (!tls_host_make(tls_store_of(gen), &conf->tls, identity, &conf->host, &why))
        return conf_fail_at(gen, node, "%s", why);
    if (conf->certificates != NULL && chooses)
        return ssl_choose_make(gen, server, conf->certificates, conf->keys, conf->password_file,
                               &conf->cache, &conf->host);
    return !conf->staple.on || identity == NULL || load_staples(gen, server, conf);
}

/* Those that a client can reach there without naming them need a certificate. */
static bool check_address(struct generation *gen, const struct http_address *a)
{
    const struct http_ssl_conf *conf = a->first->scope->conf[http_ssl_index];

    if (!a->tls || conf->certificates != NULL || conf->reject)
        return true;
    return conf_fail_at(gen, a->tls_node, "no \"ssl_certificate\" is defined for the \"listen ... "
                                          "ssl\" directive");
}

static bool load_done(struct generation *gen)
{
    struct http_conf *http = gen->http;
    bool good = true;

    if (http == NULL)
        return true;
    for (struct http_server *s = http->servers; s != NULL; s = s->next)
        good &= load_host(gen, s, s->scope->conf[http_ssl_index]);
    for (struct listen_spec *spec = gen->listens; spec != NULL; spec = spec->next) {
        if (spec->family == FAMILY_HTTP)
            good &= check_address(gen, spec->owner);
    }
    return tls_staple_zone(gen) && good;
}

static const struct directive directives[] = {
    {.name = "ssl_certificate", .where = IN_HTTP | IN_SERVER, .args = "file",
     .apply = add_certificate, .field = F(certificates), .repeat = true,
     .doc = "PEM file with the server's certificate and those between it and the root; or data: "
            "and these themselves. Several may be given, of different kinds (RSA, ECDSA). With "
            "variables they are chosen, and read, in each handshake."},
    {.name = "ssl_certificate_cache", .where = IN_HTTP | IN_SERVER,
     .args = "off | max=N [inactive=time] [valid=time]", .apply = set_cert_cache,
     .field = F(cache), .initial = "off",
     .doc = "Keep so many certificates and keys that were read in handshakes: until nobody asked "
            "for them for `inactive`, without a look at their files for `valid`."},
    {.name = "ssl_certificate_compression", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .apply = set_compression, .field = F(tls.compress), .initial = "off",
     .doc = "Send certificates compressed to clients that know how. It takes OpenSSL 3.2."},
    {.name = "ssl_early_data", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(tls.early_data), .initial = "off",
     .doc = "Let clients that resume a session send requests within the handshake (TLS 1.3). Such "
            "a request may be a copy made by somebody else: $ssl_early_data tells of them, for "
            "origins to answer 425."},
    {.name = "ssl_key_log", .where = IN_HTTP | IN_SERVER, .args = "path", .apply = set_key_log,
     .field = F(tls.key_log),
     .doc = "File to which the secrets of connections are written (SSLKEYLOGFILE), for who debugs "
            "with a capture of the traffic. Nobody but its owner can read it."},
    {.name = "ssl_ech_file", .where = IN_HTTP | IN_SERVER, .args = "file", .apply = refuse_ech,
     .doc = "Keys for the encrypted ClientHello. Not with this OpenSSL."},
    {.name = "ssl_certificate_key", .where = IN_HTTP | IN_SERVER, .args = "file",
     .apply = add_key, .field = F(keys), .repeat = true,
     .doc = "PEM file with the secret key of the certificate."},
    {.name = "ssl_certificate_watch", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(watch), .initial = "on",
     .doc = "Take a certificate and its key anew when their files change, without a reload. One "
            "that does not match its key or has expired is not taken: the one before it stays, and "
            "the log says why."},
    {.name = "ssl_certificate_expiry_warn", .where = IN_HTTP | IN_SERVER, .args = "time",
     .value = VALUE_SEC, .field = F(expiry_warn_s), .initial = "14d",
     .doc = "So long before a certificate ends the log says so each day, if the certificate is "
            "watched; 0: never."},
    {.name = "ssl_password_file", .where = IN_HTTP | IN_SERVER, .args = "file",
     .value = VALUE_CONF_PATH, .field = F(password_file),
     .doc = "File with passwords of secret keys, one in each line."},
    {.name = "ssl_protocols", .where = IN_HTTP | IN_SERVER,
     .args = "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]", .value = VALUE_BITS,
     .repeat = true, .words = tls_protocol_words, .field = F(tls.protocols),
     .initial = "TLSv1.2 TLSv1.3",
     .doc = "Versions of TLS that clients may use."},
    {.name = "ssl_ciphers", .where = IN_HTTP | IN_SERVER, .args = "ciphers", .value = VALUE_STR,
     .field = F(tls.ciphers), .initial = "HIGH:!aNULL:!MD5",
     .doc = "Ciphers for TLS 1.2 and older, as OpenSSL lists them."},
    {.name = "ssl_prefer_server_ciphers", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(tls.prefer_server_ciphers), .initial = "off",
     .doc = "Choose the cipher by our order, not by the client's."},
    {.name = "ssl_ecdh_curve", .where = IN_HTTP | IN_SERVER, .args = "curve", .value = VALUE_STR,
     .field = F(tls.curves), .initial = "auto",
     .doc = "Groups for the key exchange, separated by colons; auto: OpenSSL's own."},
    {.name = "ssl_dhparam", .where = IN_HTTP | IN_SERVER, .args = "file",
     .value = VALUE_CONF_PATH, .field = F(tls.dhparam),
     .doc = "PEM file with parameters for DHE ciphers, which are off without it."},
    {.name = "ssl_buffer_size", .where = IN_HTTP | IN_SERVER, .args = "size",
     .value = VALUE_SIZE, .field = F(tls.buffer_bytes), .initial = "16k",
     .doc = "Most bytes of an answer in one TLS record, 512 to 16k."},
    {.name = "ssl_conf_command", .where = IN_HTTP | IN_SERVER, .args = "name value",
     .apply = add_command, .field = F(tls.commands), .repeat = true,
     .doc = "A command of OpenSSL's configuration, as SSL_CONF_cmd(3) lists them."},
    {.name = "ssl_session_cache", .where = IN_HTTP | IN_SERVER,
     .args = "off | none | [builtin[:size]] [shared:name:size]", .apply = set_session_cache,
     .initial = "none",
     .doc = "Where sessions that may be resumed are kept: in each worker (builtin), or shared by "
            "all. Tickets need none."},
    {.name = "ssl_session_timeout", .where = IN_HTTP | IN_SERVER, .args = "time",
     .value = VALUE_SEC, .field = F(tls.timeout_s), .initial = "5m", .max = INT32_MAX,
     .doc = "How long a session may be resumed. Keys of tickets are replaced that often."},
    {.name = "ssl_session_tickets", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(tls.tickets), .initial = "on",
     .doc = "Let clients keep their sessions themselves, sealed in tickets."},
    {.name = "ssl_session_ticket_key", .where = IN_HTTP | IN_SERVER, .args = "file",
     .apply = add_ticket_key, .field = F(tls.ticket_keys), .repeat = true,
     .doc = "File with a key for tickets, of 48 or 80 bytes. The first one seals; without any, all "
            "workers share keys that are made and replaced here."},
    {.name = "ssl_verify_client", .where = IN_HTTP | IN_SERVER,
     .args = "on|off|optional|optional_no_ca", .value = VALUE_ENUM, .words = verify_words,
     .field = F(tls.verify), .initial = "off",
     .doc = "Whether clients have to show a certificate, may, or may show one that nobody trusts."},
    {.name = "ssl_verify_depth", .where = IN_HTTP | IN_SERVER, .args = "number",
     .value = VALUE_INT, .field = F(tls.verify_depth), .max = 100, .initial = "1",
     .doc = "How many certificates may stand between a client's and a trusted one."},
    {.name = "ssl_client_certificate", .where = IN_HTTP | IN_SERVER, .args = "file",
     .value = VALUE_CONF_PATH, .field = F(tls.client_ca),
     .doc = "PEM file with the authorities that are trusted, and named to clients."},
    {.name = "ssl_trusted_certificate", .where = IN_HTTP | IN_SERVER, .args = "file",
     .value = VALUE_CONF_PATH, .field = F(tls.trusted),
     .doc = "PEM file with authorities that are trusted, and not named to clients."},
    {.name = "ssl_crl", .where = IN_HTTP | IN_SERVER, .args = "file", .value = VALUE_CONF_PATH,
     .field = F(tls.crl), .doc = "PEM file with lists of revoked certificates."},
    {.name = "ssl_ocsp", .where = IN_HTTP | IN_SERVER, .args = "on|off|leaf", .value = VALUE_ENUM,
     .words = ocsp_words, .field = F(ocsp.mode), .initial = "off",
     .doc = "Ask the issuers of clients' certificates whether they still hold: of all up to the "
            "root's, or of the client's own alone (leaf)."},
    {.name = "ssl_ocsp_responder", .where = IN_HTTP | IN_SERVER, .args = "url",
     .value = VALUE_STR, .field = F(ocsp.responder),
     .doc = "Ask this OCSP responder (http://...) about clients' certificates, not those that they "
            "name."},
    {.name = "ssl_ocsp_cache", .where = IN_HTTP | IN_SERVER, .args = "off | shared:name:size",
     .apply = set_ocsp_cache, .field = F(ocsp.cache), .initial = "off",
     .doc = "Zone in which all workers keep what they were told of clients' certificates."},
    {.name = "ssl_stapling", .where = IN_HTTP | IN_SERVER, .args = "on|off", .value = VALUE_FLAG,
     .field = F(staple.on), .initial = "off",
     .doc = "Give clients that ask for it an OCSP response about the server's certificate. It is "
            "fetched and renewed ahead of them, once for all workers."},
    {.name = "ssl_stapling_file", .where = IN_HTTP | IN_SERVER, .args = "file",
     .value = VALUE_CONF_PATH, .field = F(staple.file),
     .doc = "File with an OCSP response (DER) to give instead of fetching one."},
    {.name = "ssl_stapling_responder", .where = IN_HTTP | IN_SERVER, .args = "url",
     .value = VALUE_STR, .field = F(staple.responder),
     .doc = "Ask this OCSP responder (http://...), not the one that the certificate names."},
    {.name = "ssl_stapling_verify", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(staple.verify), .initial = "off",
     .doc = "Check who has signed a fetched response, with ssl_trusted_certificate."},
    {.name = "ssl_reject_handshake", .where = IN_HTTP | IN_SERVER, .args = "on|off",
     .value = VALUE_FLAG, .field = F(reject), .initial = "off",
     .doc = "Refuse handshakes in this server."},
};

/* At run time ---------------------------------------------------------------------------------- */

static enum verdict refuse(struct request *r, int status, const char *why, const char *reason)
{
    log_error(&r->log, LOG_INFO, 0, "client %s", why);
    r->keep_alive = false;
    return request_fail(r, status, reason);
}

#define HTTP_SSL(r) REQUEST_CONF(r, http_ssl_index, struct http_ssl_conf)

/* It must not be resumed by a client that had no right to it. */
static void forget_session(SSL *ssl)
{
    SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get0_session(ssl));
}

/* nginx's "optional_no_ca" forgives only that nobody known has signed. */
static bool is_only_untrusted(long result)
{
    return result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
           result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           result == X509_V_ERR_CERT_UNTRUSTED ||
           result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

/* A handshake with another server's rules proves nothing here (RFC 9110, 15.5.20). */
static bool is_misdirected(const struct request *r)
{
    const struct http_ssl_conf *conf = HTTP_SSL(r);

    return tls_host_of(r->scope.conn) != &conf->host;
}

static enum verdict check_certificate(struct request *r)
{
    SSL *ssl = tls_of(r->scope.conn);
    int64_t verify = HTTP_SSL(r)->tls.verify;
    long result = SSL_get_verify_result(ssl);

    if (is_misdirected(r))
        return refuse(r, 421, "attempted to request the server name different from the one that "
                              "was negotiated", "tls.misdirected");
    if (result != X509_V_OK &&
        (verify != TLS_VERIFY_OPTIONAL_NO_CA || !is_only_untrusted(result))) {
        log_error(&r->log, LOG_INFO, 0, "client SSL certificate verify error: (%ld:%s)", result,
                  X509_verify_cert_error_string(result));
        forget_session(ssl);
        r->keep_alive = false;
        return request_fail(r, 495, "tls.certificate");
    }
    if (tls_client_fault(r->scope.conn) != NULL) {
        log_error(&r->log, LOG_INFO, 0, "client SSL certificate verify error: %s",
                  tls_client_fault(r->scope.conn));
        forget_session(ssl);
        r->keep_alive = false;
        return request_fail(r, 495, "tls.certificate");
    }
    if (verify == TLS_VERIFY_ON && SSL_get0_peer_certificate(ssl) == NULL) {
        forget_session(ssl);
        return refuse(r, 496, "sent no required SSL certificate", "tls.no_certificate");
    }
    return GO_ON;
}

/* What a connection's handshake settled has to suit the server that the request asks for. */
static enum verdict check(struct request *r)
{
    const struct http_address *address = r->listen != NULL ? r->listen->owner : NULL;

    if (address == NULL || !address->tls || r->scope.conn == NULL)
        return GO_ON;
    if (!r->tls)
        return refuse(r, 497, "sent plain HTTP request to HTTPS port", "tls.plain");
    return HTTP_SSL(r)->tls.verify == TLS_VERIFY_OFF ? GO_ON : check_certificate(r);
}

const struct module http_ssl_module = {
    .name = "http_ssl", .nginx_name = "http_ssl_module",
    .doc = "TLS for clients.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct http_ssl_conf),
    .load_done = load_done,
    .phase = PHASE_POST_READ,
    .handler = check,
    .index = &http_ssl_index,
};

const struct tls_host *http_ssl_host(const struct http_server *server)
{
    const struct http_ssl_conf *conf = server->scope->conf[http_ssl_index];

    return &conf->host;
}
