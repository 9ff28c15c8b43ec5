/*
 * worker/net/tls.c - TLS on a connection: how it begins, the handshake, how it ends.
 */
#include "worker/net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "worker/net/tls_context.h"
#include "worker/net/tls_inner.h"
#include "worker/net/tls_ocsp.h"
#include "worker/net/tls_staple.h"

#define FIRST_ROOM 16384           /* for the first flight of a client */
#define HELD_MAX   8192

SSL *tls_of(const struct conn *c)
{
    return c->tls == NULL ? NULL : tls_at(c)->ssl;
}

/* Errors --------------------------------------------------------------------------------------- */

size_t tls_errors(char *out, size_t room)
{
    size_t used = 0;
    const char *data;
    int flags;
    unsigned long code;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        char text[256];
        int n;

        if (used >= room)
            continue;
        ERR_error_string_n(code, text, sizeof(text));
        n = snprintf(out + used, room - used, "%s%s%s%s", used > 0 ? " " : "", text,
                     (flags & ERR_TXT_STRING) && data[0] != '\0' ? ":" : "",
                     (flags & ERR_TXT_STRING) ? data : "");
        used += n < 0 ? 0 : MIN((size_t)n, room - used);
    }
    return used;
}

void tls_log(const struct log *log, enum log_level level, const char *what)
{
    char text[1024];
    size_t len = tls_errors(text, sizeof(text));

    log_error(log, level, 0, "%s (SSL: %.*s)", what, (int)len, text);
}

static size_t describe(const void *about, char *out, size_t room)
{
    const struct conn *c = about;
    char text[ADDR_TEXT];
    struct addr peer;
    size_t len;
    int n;

    conn_peer(c, &peer);
    len = addr_print_host(&peer, text, sizeof(text));
    n = snprintf(out, room, ", client: %.*s, server: %" STR_FMT, (int)len, text,
                 STR_ARG(c->listen != NULL ? c->listen->text : STR("")));
    return n < 0 ? 0 : MIN((size_t)n, room);
}

/* Beginning ------------------------------------------------------------------------------------ */

static struct tls *attach(struct conn *c, const struct tls_host *host)
{
    struct tls *t = conn_alloc(sizeof(*t));

    t->host = host;
    c->tls = t;
    c->io = &conn_tls;
    c->log.doing = "SSL handshaking";
    return t;
}

void tls_accept(struct conn *c, const struct tls_host *host, tls_pick_fn *pick,
                tls_protocols_fn *protocols, struct buf *early)
{
    struct tls *t = attach(c, host);

    t->pick = pick;
    t->protocols = protocols;
    t->state = TLS_FIRST;
    if (early != NULL) {
        t->in = *early;
        *early = (struct buf){NULL, NULL, NULL, NULL};
    }
    if (c->log.describe == NULL) {
        c->log.describe = describe;
        c->log.about = c;
    }
}

static bool make_ssl(struct conn *c)
{
    struct tls *t = c->tls;
    BIO *bio = tls_run_bio(c);

    t->ssl = bio == NULL ? NULL : SSL_new(t->host->context->ctx);
    if (t->ssl == NULL) {
        BIO_free(bio);
        tls_log(&c->log, LOG_ALERT, "SSL_new() failed");
        return false;
    }
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, (char *)c);
    t->state = TLS_SHAKE;
    t->first = t->host->context;
    if ((t->host->identity == NULL && t->host->choose == NULL) ||
        tls_host_apply(t->ssl, t->host, NULL) == RC_OK)
        return true;
    tls_log(&c->log, LOG_ALERT, "choosing a certificate failed");
    return false;
}

int tls_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);
    const struct tls *t = c->tls;

    return t->keep != NULL && t->keep(c, session) ? 1 : 0;
}

enum rc tls_connect(struct conn *c, const struct tls_host *host, struct str name,
                    tls_keep_fn *keep_session)
{
    struct tls *t = attach(c, host);
    char text[256];

    if (!make_ssl(c)) {
        tls_close(c, false);
        c->io = &conn_plain;
        return RC_ERROR;
    }
    t->keep = keep_session;
    SSL_set_connect_state(t->ssl);
    if (name.len > 0 && name.len < sizeof(text)) {
        memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        SSL_set_tlsext_host_name(t->ssl, text);
    }
    ERR_clear_error();
    return RC_OK;
}

void tls_end(struct conn *c, struct buf *bytes)
{
    struct tls *t = c->tls;

    *bytes = t->in;
    t->in = (struct buf){NULL, NULL, NULL, NULL};
    tls_close(c, false);
    c->io = &conn_plain;
    c->log.doing = NULL;
}

/* The hello ------------------------------------------------------------------------------------ */

/* RFC 6066, 3: a list with one name of type 0. */
static bool hello_name(SSL *ssl, char *out, size_t room, struct str *name)
{
    const unsigned char *p;
    size_t len, n;

    *name = STR_NONE;
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len))
        return true;
    if (len < 5 || (size_t)(p[0] << 8 | p[1]) + 2 != len || p[2] != TLSEXT_NAMETYPE_host_name)
        return false;
    n = (size_t)(p[3] << 8 | p[4]);
    if (n + 5 > len || n == 0 || n > room || memchr(p + 5, '\0', n) != NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = ascii_lower((char)p[5 + i]);
    *name = (struct str){out, out[n - 1] == '.' ? n - 1 : n};
    return true;
}

int tls_on_hello(SSL *ssl, int *alert, void *arg)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);
    struct tls *t = c->tls;
    const struct tls_host *host;
    char text[TLSEXT_MAXLEN_host_name];
    struct str name;

    if (!hello_name(ssl, text, sizeof(text), &name)) {
        *alert = SSL_AD_DECODE_ERROR;
        log_error(&c->log, LOG_INFO, 0, "client sent an invalid server name");
        t->told = true;
        return SSL_CLIENT_HELLO_ERROR;
    }
    host = t->pick(c, name);
    if (host->reject) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        log_error(&c->log, LOG_INFO, 0, "handshake rejected: no certificate for \"%" STR_FMT "\"",
                  STR_ARG(name));
        t->told = true;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (host->context == NULL || host == t->host)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (tls_host_apply(ssl, host, t->host) != RC_OK) {
        tls_log(&c->log, LOG_ALERT, "choosing a certificate failed");
        t->told = true;
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    t->host = host;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* A client that asks for it gets the OCSP response for the certificate that it is shown. */
int tls_on_status(SSL *ssl, void *arg)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);
    const struct tls_host *host = tls_at(c)->host;

    if (host->staples == NULL || !tls_staple_give(host->staples, ssl))
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

/* In a full handshake, when all that the client said is known. */
int tls_on_certificate(SSL *ssl, void *arg)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);
    struct tls *t = c->tls;

    if (t->host->choose == NULL || t->host->choose(t->host, c, ssl))
        return 1;
    t->told = true;
    return 0;
}

int tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                const unsigned char *offered, unsigned offered_len, void *arg)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);
    const struct tls *t = c->tls;
    unsigned char *choice;
    struct str ours;

    if (t->protocols == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    ours = t->protocols(c);
    if (SSL_select_next_proto(&choice, len, (const unsigned char *)ours.data, (unsigned)ours.len,
                              offered, offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = choice;
    return SSL_TLSEXT_ERR_OK;
}

const struct tls_host *tls_host_of(const struct conn *c)
{
    return tls_at(c)->host;
}

struct str tls_protocol(const struct conn *c)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    if (c->tls != NULL && c->tls->ssl != NULL)
        SSL_get0_alpn_selected(c->tls->ssl, &name, &len);
    return (struct str){(const char *)name, len};
}

const char *tls_client_fault(const struct conn *c)
{
    return c->tls == NULL ? NULL : tls_ocsp_fault(c->tls->ocsp);
}

void tls_moved(struct conn *c)
{
    struct tls *t = c->tls;

    if (c->log.describe == describe)
        c->log.about = c;
    if (t->ssl == NULL)
        return;
    SSL_set_app_data(t->ssl, (char *)c);
    BIO_set_data(SSL_get_rbio(t->ssl), c);
}

const struct tls_context *tls_first_context(SSL *ssl)
{
    struct conn *c = (struct conn *)(void *)SSL_get_app_data(ssl);

    return tls_at(c)->first;
}

/* Handshakes ----------------------------------------------------------------------------------- */

static enum tls_result failed(struct conn *c)
{
    struct tls *t = c->tls;

    t->state = TLS_BROKEN;
    return TLS_FAILED;
}

/* Reads the first flight into memory of the process, so that a connection that has not spoken yet
   costs no SSL object; and sees whether it is TLS at all. */
static enum tls_result first_bytes(struct conn *c)
{
    static char first[FIRST_ROOM];
    struct tls *t = c->tls;
    ssize_t n;

    if (buf_used(&t->in) == 0) {
        n = c->ev.readable ? conn_plain.recv(c, first, sizeof(first)) : CONN_AGAIN;
        if (n == CONN_AGAIN)
            return TLS_WAIT;
        if (n == CONN_EOF)
            log_error(&c->log, LOG_INFO, 0, "peer closed connection in SSL handshake");
        if (n <= 0)
            return failed(c);
        tls_run.first = (struct str){first, (size_t)n};
    } else {
        tls_run.first = buf_str(&t->in);
    }
    /* A handshake record, or the hello of SSL 2 that old clients began with. */
    if (tls_run.first.data[0] != 0x16 && ((unsigned char)tls_run.first.data[0] & 0x80) == 0) {
        if (buf_used(&t->in) == 0) {
            buf_take(&t->in, tls_run.first.len);
            memcpy(t->in.last, tls_run.first.data, tls_run.first.len);
            t->in.last += tls_run.first.len;
        }
        tls_run.first = STR_NONE;
        return TLS_PLAIN;
    }
    if (!make_ssl(c)) {
        tls_run.first = STR_NONE;
        return failed(c);
    }
    SSL_set_accept_state(t->ssl);
    if (t->host->context->settings->early_data && t->host->ocsp == NULL)
        t->early = EARLY_TRY;
    return TLS_DONE;
}

/* What is left to say (a ticket) goes out together with the first answer: one that is already asked
   for, or, in TLS 1.3, where no client waits for it, whichever comes. */
static bool may_hold(const struct conn *c)
{
    return buf_used(&c->tls->out) == 0 && tls_run.len > 0 && tls_run.len <= HELD_MAX &&
           (SSL_has_pending(c->tls->ssl) ||
            (c->listen != NULL && SSL_version(c->tls->ssl) == TLS1_3_VERSION));
}

static enum tls_result shaken(struct conn *c)
{
    struct tls *t = c->tls;
    bool pending = SSL_has_pending(t->ssl);

    t->state = TLS_OPEN;
    if (c->listen != NULL && SSL_version(t->ssl) == TLS1_3_VERSION)
        t->tickets = t->host->context->tickets_later;
    if (pending)
        c->ev.readable = true;
    else if (tls_run.emptied)
        c->ev.readable = false;
    if (may_hold(c)) {
        tls_run_keep(t, tls_run.bytes, tls_run.len);
        t->held = true;
        return TLS_DONE;
    }
    return tls_run_flush(c, 0) == RC_ERROR ? failed(c) : TLS_DONE;
}

/* The connection is as good as open: the rest of the handshake comes while it is read. */
static enum tls_result open_early(struct conn *c, const char *text, size_t len)
{
    struct tls *t = c->tls;

    buf_take(&t->plain, MAX(len, 1));
    memcpy(t->plain.last, text, len);
    t->plain.last += len;
    t->early = EARLY_READ;
    t->state = TLS_OPEN;
    c->ev.readable = true;
    return tls_run_flush(c, 0) == RC_ERROR ? failed(c) : TLS_DONE;
}

/* 1: there is such a request, and this was enough of a handshake; 0: there is none; -1: as from
   SSL_do_handshake(). */
static int read_early(struct conn *c, enum tls_result *result)
{
    static char text[FIRST_ROOM];
    struct tls *t = c->tls;
    size_t len;

    switch (SSL_read_early_data(t->ssl, text, sizeof(text), &len)) {
    case SSL_READ_EARLY_DATA_SUCCESS:
        *result = open_early(c, text, len);
        return 1;
    case SSL_READ_EARLY_DATA_FINISH:
        t->early = EARLY_OFF;
        return 0;
    default:
        return -1;
    }
}

static enum tls_result shake(struct conn *c)
{
    struct tls *t = c->tls;
    enum tls_result result;
    int n = 0, why;

    tls_run_begin(!c->ev.readable);
    if (t->early == EARLY_TRY && (n = read_early(c, &result)) == 1)
        return result;
    if (n == 0)
        n = SSL_do_handshake(t->ssl);
    if (n == 1)
        return shaken(c);
    why = SSL_get_error(t->ssl, n);
    if (why == SSL_ERROR_WANT_READ) {
        if (tls_run.emptied)
            c->ev.readable = false;
        return tls_run_flush(c, 0) == RC_ERROR ? failed(c) : TLS_WAIT;
    }
    tls_explain(c, "SSL_do_handshake() failed");
    if (!c->ev.failed)
        tls_run_flush(c, 0); /* the alert */
    return failed(c);
}

enum tls_result tls_handshake(struct conn *c)
{
    struct tls *t = c->tls;
    enum tls_result result = TLS_DONE;

    if (t->state == TLS_FIRST)
        result = first_bytes(c);
    else if (t->state == TLS_SHAKE && buf_used(&t->in) > 0)
        tls_run.first = buf_str(&t->in);
    if (t->state == TLS_SHAKE && result == TLS_DONE) {
        result = shake(c);
        tls_run_keep_first(t);
    }
    if (result == TLS_DONE && t->host->ocsp != NULL)
        result = tls_ocsp_check(c, t->host->ocsp, &t->ocsp);
    if (result == TLS_DONE)
        c->log.doing = NULL;
    return result;
}

/* Ending --------------------------------------------------------------------------------------- */

/* It ended TLS and the socket when all had been said: a close_notify would be answered by a RST. */
static bool peer_left_first(const struct conn *c)
{
    return c->ev.hangup && c->tls->ended && !c->tls->listens;
}

void tls_close(struct conn *c, bool in_peace)
{
    struct tls *t = c->tls;

    if (in_peace && !peer_left_first(c))
        tls_say_goodbye(c);
    if (t->ssl != NULL) {
        if (t->state != TLS_BROKEN) /* else the session must not be used again */
            SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
    }
    tls_ocsp_free(t->ocsp);
    buf_give(&t->in);
    buf_give(&t->out);
    buf_give(&t->plain);
    if (c->log.about == c)
        c->log.describe = NULL;
    c->tls = NULL;
    conn_collect(t, sizeof(*t));
}
