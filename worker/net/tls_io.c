/*
 * worker/net/tls_io.c - reading from and writing to a connection that speaks TLS.
 *
 * Plaintext counts as sent when its ciphertext has left: until then its bytes stay at the head of
 * the caller's chain as a debt (`owed`), so that "all of the chain is gone" means the same as on a
 * plain socket.
 */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/net/tls_inner.h"

#define RECORD      16384
#define SILENT_MOST 32768 /* of records without data (changes of keys, tickets), in a row */

static char stage[TLS_RUN_PLAIN]; /* plaintext gathered for records */

/* Reading -------------------------------------------------------------------------------------- */

static void tls_shutdown(struct conn *c);

static bool is_unannounced(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

bool tls_is_cut(const struct conn *c)
{
    return c->tls != NULL && tls_at(c)->cut;
}

/* What is held waits for the answer, not for the socket. */
bool tls_owes(const struct conn *c)
{
    return unlikely(c->tls != NULL && c->tls->out.start != NULL) && !c->tls->held;
}

/* SSL_read gave no bytes: why? */
static ssize_t no_bytes(struct conn *c, int n)
{
    struct tls *t = c->tls;

    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        c->ev.readable = tls_run.budget == 0;
        return CONN_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        t->ended = true;
        return CONN_EOF;
    default:
        break;
    }
    if (tls_run.err == 0 && (ERR_peek_error() == 0 || is_unannounced(ERR_peek_error()))) {
        t->cut = true;
        t->ended = true;
        ERR_clear_error();
        return CONN_EOF;
    }
    tls_explain(c, "SSL_read() failed");
    t->state = TLS_BROKEN;
    return CONN_ERROR;
}

/* What came within the handshake. 0: that is all of it. */
static ssize_t recv_early(struct conn *c, void *into, size_t room)
{
    struct tls *t = c->tls;
    size_t n = MIN(buf_used(&t->plain), room);
    ssize_t result;
    int rc;

    if (n > 0) {
        memcpy(into, t->plain.pos, n);
        t->plain.pos += n;
        return (ssize_t)n;
    }
    buf_give(&t->plain);
    tls_run_begin(false);
    if (t->in.start != NULL)
        tls_run.first = buf_str(&t->in);
    rc = SSL_read_early_data(t->ssl, into, room, &n);
    if (t->in.start != NULL)
        tls_run_keep_first(t);
    if (rc == SSL_READ_EARLY_DATA_FINISH)
        t->early = EARLY_ENDED;
    result = rc == SSL_READ_EARLY_DATA_ERROR ? no_bytes(c, 0) : (ssize_t)n;
    if (tls_run_flush(c, 0) == RC_ERROR)
        return CONN_ERROR;
    return rc == SSL_READ_EARLY_DATA_FINISH ? 0 : result;
}

/* OpenSSL would read on for as long as something comes, and nobody else had a turn. */
static ssize_t flooded(struct conn *c)
{
    struct tls *t = c->tls;

    log_error(&c->log, c->listen != NULL ? LOG_INFO : LOG_ERROR, 0,
              "peer sent too many TLS records without data");
    t->told = true;
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
    if (unlikely(t->early == EARLY_READ) && (result = recv_early(c, into, room)) != 0)
        return result;
    tls_run_begin(false);
    if (unlikely(t->in.start != NULL))
        tls_run.first = buf_str(&t->in);
    tls_run.budget = SILENT_MOST;
    do {
        n = SSL_read(t->ssl, (char *)into + total, (int)MIN(room - total, INT32_MAX));
        if (n > 0 && total == 0)
            tls_run.budget += room;
        total += n > 0 ? (size_t)n : 0;
    } while (n > 0 && total < room && SSL_has_pending(t->ssl));
    if (unlikely(t->in.start != NULL))
        tls_run_keep_first(t);
    if (n <= 0)
        result = no_bytes(c, n);
    else if (tls_run.emptied && !SSL_has_pending(t->ssl))
        c->ev.readable = false;
    if (unlikely(tls_run.budget == 0) && result == CONN_AGAIN && total == 0)
        return flooded(c);
    if (total > 0)
        result = (ssize_t)total; /* an end or an error comes with the next call */
    if (unlikely(t->goodbye))
        tls_run.len = 0; /* nothing follows a close_notify; the socket may be shut */
    if ((tls_run.len > 0 || tls_owes(c)) && tls_run_flush(c, 0) == RC_ERROR)
        return CONN_ERROR;
    if (unlikely(t->shut))
        tls_shutdown(c);
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

/* Of a record that has come, in part or whole, nothing is in the library's buffers. Versions before
   3.0.14 free them under it (CVE-2024-4741). */
static bool may_free_buffers(const SSL *ssl)
{
    return !SSL_has_pending(ssl) && SSL_rstate_string(ssl)[1] == 'H';
}

/* They go in front of the text (RFC 8446, 4.6.1). For them the library takes a buffer to read into
   too, which it would keep until it reads. */
static bool write_tickets_and(struct tls *t, struct str text)
{
    bool good;

    for (; t->tickets > 0; t->tickets--)
        SSL_new_session_ticket(t->ssl);
    good = SSL_write(t->ssl, text.data, (int)text.len) == (int)text.len;
    if (may_free_buffers(t->ssl))
        SSL_free_buffers(t->ssl);
    return good;
}

/* A request that came within the handshake may be answered before that is done. */
static bool write_text(struct tls *t, struct str text)
{
    size_t n;

    if (unlikely(t->tickets > 0))
        return write_tickets_and(t, text);
    if (likely(t->early == EARLY_OFF))
        return SSL_write(t->ssl, text.data, (int)text.len) == (int)text.len;
    if (!SSL_is_init_finished(t->ssl))
        return SSL_write_early_data(t->ssl, text.data, text.len, &n) == 1 && n == text.len;
    t->early = EARLY_OFF;
    return SSL_write(t->ssl, text.data, (int)text.len) == (int)text.len;
}

static bool encrypt(struct conn *c, const struct chain *out, size_t plain)
{
    struct tls *t = c->tls;
    struct cursor cur = {.chain = out, .left = plain};

    while (cur.left > 0) {
        struct str text = next_plain(c, &cur);

        if (text.data == NULL)
            return false;
        if (!write_text(t, text)) {
            tls_explain(c, "SSL_write() failed");
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

/* To the front of the run that follows. */
static void take_held(struct tls *t)
{
    tls_run.len = buf_used(&t->out);
    memcpy(tls_run.bytes, t->out.pos, tls_run.len);
    t->held = false;
    buf_give(&t->out);
}

/* What an earlier call left behind goes first. */
static enum rc send_kept(struct conn *c, struct chain *out, size_t *max)
{
    struct tls *t = c->tls;
    size_t before = buf_used(&t->out), owed;
    enum rc rc;

    if (t->held) {
        take_held(t);
        return RC_OK;
    }
    rc = tls_run_push(c);
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
    t->listens |= c->ev.hangup;
    tls_run_begin(false);
    if (unlikely(t->out.start != NULL))
        rc = send_kept(c, out, &max);
    while (rc == RC_OK && max > 0 && !chain_empty(out)) {
        size_t plain = MIN(MIN(out->bytes, max), tls_run.len > 0 ? RECORD : TLS_RUN_PLAIN);

        if (!encrypt(c, out, plain)) {
            t->state = TLS_BROKEN;
            return RC_ERROR;
        }
        rc = tls_run_flush(c, plain < MIN(out->bytes, max) ? MSG_MORE : 0);
        if (rc != RC_ERROR) {
            t->owed = MIN(plain, share(plain, buf_used(&t->out), tls_run.len));
            consume(c, out, plain - t->owed);
            max -= plain;
        }
        tls_run_begin(false);
    }
    return rc;
}

/* Ending --------------------------------------------------------------------------------------- */

void tls_say_goodbye(struct conn *c)
{
    struct tls *t = c->tls;
    ssize_t n;

    if (t->goodbye || t->state != TLS_OPEN || c->ev.failed || (t->cut && c->sent == 0) ||
        (t->out.start != NULL && !t->held) || !SSL_is_init_finished(t->ssl))
        return;
    t->goodbye = true;
    tls_run_begin(false);
    if (t->held)
        take_held(t);
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    if (tls_run.len == 0)
        return;
    n = send(c->ev.fd, tls_run.bytes, tls_run.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) {
        c->ev.failed = true; /* the peer has gone: nobody to tell */
        return;
    }
    n = MAX(n, 0);
    if ((size_t)n < tls_run.len)
        tls_run_keep(t, tls_run.bytes + n, tls_run.len - (size_t)n);
}

bool tls_is_early(const struct conn *c)
{
    return unlikely(c->tls != NULL && c->tls->early != EARLY_OFF) &&
           !SSL_is_init_finished(c->tls->ssl);
}

static void tls_shutdown(struct conn *c)
{
    struct tls *t = c->tls;

    t->shut = tls_is_early(c) || tls_owes(c);
    if (t->shut)
        return;
    tls_say_goodbye(c);
    t->shut = tls_owes(c);
    if (!t->shut)
        conn_plain.shutdown(c);
}

const struct conn_io conn_tls = {tls_recv, tls_send, tls_shutdown};
