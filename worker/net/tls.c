/*
 * worker/net/tls.c - the record layer's way to the socket: gathered writes, reads without waste.
 *
 * OpenSSL sees a BIO that always takes what is written and gives what one recv brought. While a
 * call into OpenSSL lasts, its output gathers in `run`, one for the process; flush() then writes it
 * and keeps what does not go. Plaintext counts as sent when its ciphertext has left: until then its
 * bytes stay at the head of the caller's chain as a debt (`owed`), so that "all of the chain is
 * gone" means the same as on a plain socket.
 */
#include "worker/net/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/addr.h"
#include "worker/net/tls_context.h"

#define RUN_PLAIN  65536           /* encrypted ahead of the socket, per write */
#define RUN_ROOM   (RUN_PLAIN + 8192)
#define RECORD     16384
#define FIRST_ROOM 16384           /* for the first flight of a client */
#define KEPT_MAX   (1 << 20)       /* of answers that a peer provokes and does not read */
#define HELD_MAX   8192

enum tls_state {
    TLS_FIRST,   /* nothing was read yet: no SSL object */
    TLS_SHAKE,
    TLS_OPEN,
    TLS_BROKEN,  /* after a fatal error: nothing more may be read or written */
};

struct tls {
    SSL *ssl;
    const struct tls_host *host;
    const struct tls_context *first; /* that of the host it began with */
    tls_pick_fn *pick;
    tls_protocols_fn *protocols;
    tls_keep_fn *keep;
    struct buf in;      /* read before TLS began */
    struct buf out;     /* ciphertext that the socket has not taken */
    size_t owed;        /* plaintext at the head of the sender's chain that is in `out` */
    uint8_t state;      /* enum tls_state */
    bool held;          /* `out` waits for the first data on purpose */
    bool eof;           /* the socket's end was seen */
    bool goodbye;       /* close_notify is out */
    bool told;          /* the cause of a failure is in the log */
};

static struct {
    char bytes[RUN_ROOM];
    size_t len;
    struct str first;   /* read, to be consumed by OpenSSL before the socket */
    int err;            /* errno of a failed recv or send; 0: none */
    bool emptied;       /* the socket has nothing more in this call */
} run;

static char stage[RUN_PLAIN]; /* plaintext gathered for records */

static struct tls *tls_at(const struct conn *c)
{
    return c->tls;
}

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

/* The socket ----------------------------------------------------------------------------------- */

static int take(struct str *from, char *into, int room)
{
    size_t n = MIN((size_t)room, from->len);

    memcpy(into, from->data, n);
    *from = str_from(*from, n);
    return (int)n;
}

static int bio_read(BIO *bio, char *into, int room)
{
    struct conn *c = BIO_get_data(bio);
    struct tls *t = c->tls;
    ssize_t n;

    BIO_clear_retry_flags(bio);
    if (run.first.len > 0)
        return take(&run.first, into, room);
    if (run.emptied) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        n = recv(c->ev.fd, into, (size_t)room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        run.emptied = n < room && !c->ev.hangup;
        return (int)n;
    }
    if (n == 0) {
        t->eof = true;
        return 0;
    }
    if (errno == EAGAIN) {
        run.emptied = true;
        BIO_set_retry_read(bio);
    } else {
        run.err = errno;
    }
    return -1;
}

static void keep(struct tls *t, const char *data, size_t len)
{
    if (t->out.start == NULL)
        buf_take(&t->out, len);
    else if (buf_room(&t->out) < len)
        buf_grow(&t->out, (size_t)(t->out.last - t->out.start) + len);
    memcpy(t->out.last, data, len);
    t->out.last += len;
}

/* Everything OpenSSL writes lands here; never refuses but for a peer that provokes too much. */
static int bio_write(BIO *bio, const char *data, int len)
{
    struct tls *t = ((struct conn *)BIO_get_data(bio))->tls;

    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    if (run.len + (size_t)len > RUN_ROOM) {
        if (buf_used(&t->out) + run.len > KEPT_MAX)
            return -1;
        keep(t, run.bytes, run.len);
        run.len = 0;
    }
    if ((size_t)len > RUN_ROOM)
        return -1;
    memcpy(run.bytes + run.len, data, (size_t)len);
    run.len += (size_t)len;
    return len;
}

static long bio_ctrl(BIO *bio, int what, long number, void *arg)
{
    struct conn *c = BIO_get_data(bio);

    switch (what) {
    case BIO_CTRL_EOF:
        return tls_at(c)->eof;
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
        return 1;
    default:
        return 0;
    }
}

static BIO *bio_new(struct conn *c)
{
    static BIO_METHOD *method;
    BIO *bio;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
        must(method != NULL);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    bio = BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    return bio;
}

/* Before each call into OpenSSL. */
static void begin(bool emptied)
{
    run.len = 0;
    run.err = 0;
    run.emptied = emptied;
}

/* How many bytes the socket took; -1 after an error. */
static ssize_t push(struct conn *c, const char *data, size_t len, int flags)
{
    ssize_t n;

    do
        n = send(c->ev.fd, data, len, MSG_NOSIGNAL | flags);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        n = 0;
    if (n < 0) {
        c->ev.failed = true;
        log_error(&c->log, conn_log_level(c, errno), errno, "send() failed");
        return -1;
    }
    if ((size_t)n < len)
        c->ev.writable = false;
    return n;
}

static enum rc push_kept(struct conn *c)
{
    struct tls *t = c->tls;
    ssize_t n;

    if (buf_used(&t->out) == 0)
        return RC_OK;
    t->held = false;
    n = push(c, t->out.pos, buf_used(&t->out), 0);
    if (n < 0)
        return RC_ERROR;
    t->out.pos += n;
    if (buf_used(&t->out) > 0)
        return RC_AGAIN;
    buf_give(&t->out);
    return RC_OK;
}

/* After each call into OpenSSL: what it produced goes out, or is kept. */
static enum rc flush(struct conn *c, int flags)
{
    struct tls *t = c->tls;
    ssize_t n;

    if (buf_used(&t->out) > 0) {
        if (buf_used(&t->out) + run.len > KEPT_MAX)
            return RC_ERROR;
        if (run.len > 0)
            keep(t, run.bytes, run.len);
        return push_kept(c);
    }
    if (run.len == 0)
        return RC_OK;
    n = push(c, run.bytes, run.len, flags);
    if (n < 0)
        return RC_ERROR;
    if ((size_t)n == run.len)
        return RC_OK;
    keep(t, run.bytes + n, run.len - (size_t)n);
    return RC_AGAIN;
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
    BIO *bio = bio_new(c);

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
    if (t->host->identity == NULL || tls_host_apply(t->ssl, t->host, NULL) == RC_OK)
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
                    SSL_SESSION *session, tls_keep_fn *keep_session)
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
    if (session != NULL)
        SSL_set_session(t->ssl, session);
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
        n = conn_plain.recv(c, first, sizeof(first));
        if (n == CONN_AGAIN)
            return TLS_WAIT;
        if (n == CONN_EOF)
            log_error(&c->log, LOG_INFO, 0, "peer closed connection in SSL handshake");
        if (n <= 0)
            return failed(c);
        run.first = (struct str){first, (size_t)n};
    } else {
        run.first = buf_str(&t->in);
    }
    /* A handshake record, or the hello of SSL 2 that old clients began with. */
    if (run.first.data[0] != 0x16 && ((unsigned char)run.first.data[0] & 0x80) == 0) {
        if (buf_used(&t->in) == 0) {
            buf_take(&t->in, run.first.len);
            memcpy(t->in.last, run.first.data, run.first.len);
            t->in.last += run.first.len;
        }
        run.first = STR_NONE;
        return TLS_PLAIN;
    }
    if (!make_ssl(c)) {
        run.first = STR_NONE;
        return failed(c);
    }
    SSL_set_accept_state(t->ssl);
    return TLS_DONE;
}

/* The peer's first bytes that this step did not consume. */
static void keep_first(struct tls *t)
{
    struct buf old = t->in;

    t->in = (struct buf){NULL, NULL, NULL, NULL};
    if (run.first.len > 0) {
        buf_take(&t->in, run.first.len);
        memcpy(t->in.last, run.first.data, run.first.len);
        t->in.last += run.first.len;
    }
    buf_give(&old);
    run.first = STR_NONE;
}

/* Why a call into OpenSSL ended badly, as one line. */
static void explain(struct conn *c, const char *call)
{
    struct tls *t = c->tls;
    enum log_level level = c->listen != NULL ? LOG_INFO : LOG_ERROR;

    if (t->told) {
        ERR_clear_error();
    } else if (run.err != 0) {
        ERR_clear_error();
        c->ev.failed = true;
        log_error(&c->log, conn_log_level(c, run.err), run.err, "recv() failed");
    } else if (ERR_peek_error() == 0) {
        log_error(&c->log, level, 0, "peer closed connection in SSL handshake");
    } else {
        tls_log(&c->log, level, call);
    }
    t->told = true;
}

/* Nothing of it is left to say, or it goes out together with the answer that is already asked
   for. */
static enum tls_result shaken(struct conn *c)
{
    struct tls *t = c->tls;

    t->state = TLS_OPEN;
    if (SSL_has_pending(t->ssl)) {
        c->ev.readable = true;
        if (buf_used(&t->out) == 0 && run.len > 0 && run.len <= HELD_MAX) {
            keep(t, run.bytes, run.len);
            t->held = true;
            return TLS_DONE;
        }
    } else if (run.emptied) {
        c->ev.readable = false;
    }
    return flush(c, 0) == RC_ERROR ? failed(c) : TLS_DONE;
}

static enum tls_result shake(struct conn *c)
{
    struct tls *t = c->tls;
    int n, why;

    begin(!c->ev.readable);
    n = SSL_do_handshake(t->ssl);
    if (n == 1)
        return shaken(c);
    why = SSL_get_error(t->ssl, n);
    if (why == SSL_ERROR_WANT_READ) {
        if (run.emptied)
            c->ev.readable = false;
        return flush(c, 0) == RC_ERROR ? failed(c) : TLS_WAIT;
    }
    explain(c, "SSL_do_handshake() failed");
    if (!c->ev.failed)
        flush(c, 0); /* the alert */
    return failed(c);
}

enum tls_result tls_handshake(struct conn *c)
{
    struct tls *t = c->tls;
    enum tls_result result = TLS_DONE;

    if (t->state == TLS_FIRST)
        result = first_bytes(c);
    else if (buf_used(&t->in) > 0)
        run.first = buf_str(&t->in);
    if (result == TLS_DONE) {
        result = shake(c);
        keep_first(t);
    }
    if (result == TLS_DONE)
        c->log.doing = NULL;
    return result;
}

/* Reading -------------------------------------------------------------------------------------- */

/* SSL_read gave no bytes: why? */
static ssize_t no_bytes(struct conn *c, int n)
{
    struct tls *t = c->tls;

    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        c->ev.readable = false;
        return CONN_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return CONN_EOF;
    default:
        break;
    }
    if (run.err == 0 && ERR_peek_error() == 0)
        return CONN_EOF;
    explain(c, "SSL_read() failed");
    t->state = TLS_BROKEN;
    return CONN_ERROR;
}

static ssize_t tls_recv(struct conn *c, void *into, size_t room)
{
    struct tls *t = c->tls;
    ssize_t result = CONN_AGAIN;
    size_t total = 0;
    int n;

    if (t->state != TLS_OPEN)
        return CONN_ERROR;
    begin(false);
    if (unlikely(t->in.start != NULL))
        run.first = buf_str(&t->in);
    do {
        n = SSL_read(t->ssl, (char *)into + total, (int)MIN(room - total, INT32_MAX));
        total += n > 0 ? (size_t)n : 0;
    } while (n > 0 && total < room && SSL_has_pending(t->ssl));
    if (unlikely(t->in.start != NULL))
        keep_first(t);
    if (n <= 0)
        result = no_bytes(c, n);
    else if (run.emptied && !SSL_has_pending(t->ssl))
        c->ev.readable = false;
    if (total > 0)
        result = (ssize_t)total; /* an end or an error comes with the next call */
    if (t->held && total > 0)
        return result; /* the answer takes them along */
    if ((run.len > 0 || unlikely(t->out.start != NULL)) && flush(c, 0) == RC_ERROR)
        return CONN_ERROR;
    return result;
}

/* Writing -------------------------------------------------------------------------------------- */

/* A place in a chain whose pieces are not consumed yet. */
struct cursor {
    const struct chain *chain;
    uint32_t piece;
    size_t at;          /* in that piece */
    size_t left;        /* bytes that may be taken */
};

static void advance(struct cursor *cur, size_t n)
{
    const struct piece *p = &cur->chain->pieces[cur->chain->first + cur->piece];

    cur->left -= n;
    cur->at += n;
    if (cur->at == p->len) {
        cur->piece++;
        cur->at = 0;
    }
}

/* Bytes of the current piece into `into`; 0 after an error. */
static size_t copy_piece(struct conn *c, struct cursor *cur, char *into, size_t room)
{
    const struct piece *p = &cur->chain->pieces[cur->chain->first + cur->piece];
    size_t want = MIN(MIN(p->len - cur->at, cur->left), room);
    ssize_t n;

    must(p->kind != PIECE_PIPE);
    if (p->kind == PIECE_MEMORY) {
        memcpy(into, p->data + cur->at, want);
        advance(cur, want);
        return want;
    }
    do
        n = pread(p->fd, into, want, p->offset + (off_t)cur->at);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        log_error(&c->log, LOG_ALERT, n < 0 ? errno : 0,
                  n < 0 ? "pread() failed" : "file was truncated while it was sent");
        return 0;
    }
    advance(cur, (size_t)n);
    return (size_t)n;
}

/* Small pieces are gathered so that they share a record; a file is read as far as there is room. */
static struct str gather(struct conn *c, struct cursor *cur)
{
    size_t used = 0, n;

    while (cur->left > 0 && used < RECORD) {
        const struct piece *p = &cur->chain->pieces[cur->chain->first + cur->piece];
        size_t room = p->kind == PIECE_MEMORY ? RECORD - used : sizeof(stage) - used;

        n = copy_piece(c, cur, stage + used, room);
        if (n == 0)
            return STR_NONE;
        used += n;
    }
    return (struct str){stage, used};
}

/* The next bytes to encrypt: where they are, when they fill records or are the last. */
static struct str next_plain(struct conn *c, struct cursor *cur)
{
    const struct piece *p = &cur->chain->pieces[cur->chain->first + cur->piece];
    size_t len = MIN(p->len - cur->at, cur->left);
    const char *data;

    if (p->kind != PIECE_MEMORY || (len < RECORD && len < cur->left))
        return gather(c, cur);
    if (len < cur->left)
        len -= len % RECORD;
    data = p->data + cur->at;
    advance(cur, len);
    return (struct str){data, len};
}

static bool encrypt(struct conn *c, const struct chain *out, size_t plain)
{
    struct tls *t = c->tls;
    struct cursor cur = {.chain = out, .left = plain};

    while (cur.left > 0) {
        struct str text = next_plain(c, &cur);

        if (text.data == NULL)
            return false;
        if (SSL_write(t->ssl, text.data, (int)text.len) != (int)text.len) {
            explain(c, "SSL_write() failed");
            return false;
        }
    }
    return true;
}

static void consume(struct conn *c, struct chain *out, size_t n)
{
    n = MIN(n, out->bytes);
    c->sent += n;
    chain_consume(out, n);
}

/* `left` of `all` bytes of ciphertext have not gone: so much of `plain` is still owed. */
static size_t share(size_t plain, size_t left, size_t all)
{
    return left == 0 ? 0 : MAX((size_t)((uint64_t)plain * left / all), 1);
}

/* What an earlier call left behind goes first. */
static enum rc send_kept(struct conn *c, struct chain *out, size_t *max)
{
    struct tls *t = c->tls;
    size_t before = buf_used(&t->out), owed;
    enum rc rc;

    if (t->held) { /* to the front of the run that follows */
        memcpy(run.bytes, t->out.pos, before);
        run.len = before;
        t->held = false;
        buf_give(&t->out);
        return RC_OK;
    }
    rc = push_kept(c);
    owed = share(t->owed, buf_used(&t->out), before);
    *max -= MIN(*max, t->owed - owed);
    consume(c, out, t->owed - owed);
    t->owed = owed;
    return rc;
}

static enum rc tls_send(struct conn *c, struct chain *out, size_t max)
{
    struct tls *t = c->tls;
    enum rc rc = RC_OK;

    if (t->state != TLS_OPEN)
        return RC_ERROR;
    begin(false);
    if (unlikely(t->out.start != NULL))
        rc = send_kept(c, out, &max);
    while (rc == RC_OK && max > 0 && !chain_empty(out)) {
        size_t plain = MIN(MIN(out->bytes, max), run.len > 0 ? RECORD : RUN_PLAIN);

        if (!encrypt(c, out, plain)) {
            t->state = TLS_BROKEN;
            return RC_ERROR;
        }
        rc = flush(c, plain < MIN(out->bytes, max) ? MSG_MORE : 0);
        if (rc != RC_ERROR) {
            t->owed = MIN(plain, share(plain, buf_used(&t->out), run.len));
            consume(c, out, plain - t->owed);
            max -= plain;
        }
        begin(false);
    }
    return rc;
}

/* Ending --------------------------------------------------------------------------------------- */

static void say_goodbye(struct conn *c)
{
    struct tls *t = c->tls;

    if (t->goodbye || t->state != TLS_OPEN || c->ev.failed || t->out.start != NULL)
        return;
    t->goodbye = true;
    begin(false);
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    if (run.len > 0 && send(c->ev.fd, run.bytes, run.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        c->ev.failed = true; /* the peer has gone: nobody to tell */
}

static void tls_shutdown(struct conn *c)
{
    say_goodbye(c);
    conn_plain.shutdown(c);
}

void tls_close(struct conn *c, bool in_peace)
{
    struct tls *t = c->tls;

    if (in_peace)
        say_goodbye(c);
    if (t->ssl != NULL) {
        if (t->state != TLS_BROKEN) /* else the session must not be used again */
            SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
    }
    buf_give(&t->in);
    buf_give(&t->out);
    if (c->log.about == c)
        c->log.describe = NULL;
    c->tls = NULL;
    conn_collect(t, sizeof(*t));
}

const struct conn_io conn_tls = {tls_recv, tls_send, tls_shutdown};
