/*
 * worker/net/tls_run.c - the way between OpenSSL and the socket: gathered writes, reads without
 * waste.
 *
 * OpenSSL sees a BIO that always takes what is written and gives what one recv brought. While a
 * call into OpenSSL lasts, its output gathers in `tls_run`, one for the process;
 * tls_run_flush() then writes it and keeps what does not go.
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include "worker/net/tls_inner.h"

#define KEPT_MAX (1 << 20) /* of answers that a peer provokes and does not read */

struct tls_run tls_run;

/* OpenSSL's side ------------------------------------------------------------------------------ */

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
    if (tls_run.first.len > 0)
        return take(&tls_run.first, into, room);
    if (tls_run.emptied || tls_run.budget == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        n = recv(c->ev.fd, into, (size_t)room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        tls_run.budget -= MIN((size_t)n, tls_run.budget);
        tls_run.emptied = n < room && !c->ev.hangup;
        return (int)n;
    }
    if (n == 0) {
        t->eof = true;
        return 0;
    }
    if (errno == EAGAIN) {
        tls_run.emptied = true;
        BIO_set_retry_read(bio);
    } else {
        tls_run.err = errno;
    }
    return -1;
}

void tls_run_keep(struct tls *t, const char *data, size_t len)
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
    if (tls_run.len + (size_t)len > TLS_RUN_ROOM) {
        if (buf_used(&t->out) + tls_run.len > KEPT_MAX)
            return -1;
        tls_run_keep(t, tls_run.bytes, tls_run.len);
        tls_run.len = 0;
    }
    if ((size_t)len > TLS_RUN_ROOM)
        return -1;
    memcpy(tls_run.bytes + tls_run.len, data, (size_t)len);
    tls_run.len += (size_t)len;
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

BIO *tls_run_bio(struct conn *c)
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

/* The socket ----------------------------------------------------------------------------------- */

void tls_run_begin(bool emptied)
{
    /* What another connection's certificate left there would be taken for this one's error. */
    if (unlikely(ERR_peek_error() != 0))
        ERR_clear_error();
    tls_run.len = 0;
    tls_run.err = 0;
    tls_run.emptied = emptied;
    tls_run.budget = SIZE_MAX;
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

enum rc tls_run_push(struct conn *c)
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

enum rc tls_run_flush(struct conn *c, int flags)
{
    struct tls *t = c->tls;
    ssize_t n;

    if (buf_used(&t->out) > 0) {
        if (buf_used(&t->out) + tls_run.len > KEPT_MAX)
            return RC_ERROR;
        if (tls_run.len > 0)
            tls_run_keep(t, tls_run.bytes, tls_run.len);
        return tls_run_push(c);
    }
    if (tls_run.len == 0)
        return RC_OK;
    n = push(c, tls_run.bytes, tls_run.len, flags);
    if (n < 0)
        return RC_ERROR;
    if ((size_t)n == tls_run.len)
        return RC_OK;
    tls_run_keep(t, tls_run.bytes + n, tls_run.len - (size_t)n);
    return RC_AGAIN;
}

void tls_run_keep_first(struct tls *t)
{
    struct buf old = t->in;

    t->in = (struct buf){NULL, NULL, NULL, NULL};
    if (tls_run.first.len > 0) {
        buf_take(&t->in, tls_run.first.len);
        memcpy(t->in.last, tls_run.first.data, tls_run.first.len);
        t->in.last += tls_run.first.len;
    }
    buf_give(&old);
    tls_run.first = STR_NONE;
}

void tls_explain(struct conn *c, const char *call)
{
    struct tls *t = c->tls;
    enum log_level level = c->listen != NULL ? LOG_INFO : LOG_ERROR;

    if (t->told) {
        ERR_clear_error();
    } else if (tls_run.err != 0) {
        ERR_clear_error();
        c->ev.failed = true;
        log_error(&c->log, conn_log_level(c, tls_run.err), tls_run.err, "recv() failed");
    } else if (ERR_peek_error() == 0) {
        log_error(&c->log, level, 0, "peer closed connection in SSL handshake");
    } else {
        tls_log(&c->log, level, call);
    }
    t->told = true;
}
