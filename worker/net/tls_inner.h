/*
 * worker/net/tls_inner.h - what the parts of TLS on a connection share: tls.c begins, shakes hands
 * and ends, tls_io.c reads and writes, tls_run.c is the way to the socket.
 */
#pragma once

#include "common/buf.h"
#include "worker/net/tls.h"

struct tls_context;

#define TLS_RUN_PLAIN 65536                  /* encrypted ahead of the socket, per write */
#define TLS_RUN_ROOM  (TLS_RUN_PLAIN + 8192)

enum tls_state {
    TLS_FIRST,   /* nothing was read yet: no SSL object */
    TLS_SHAKE,
    TLS_OPEN,
    TLS_BROKEN,  /* after a fatal error: nothing more may be read or written */
};

/* Requests within the handshake (RFC 8446, 2.3). */
enum tls_early {
    EARLY_OFF,
    EARLY_TRY,    /* they would be read */
    EARLY_READ,   /* they come */
    EARLY_ENDED,  /* they have come, but the handshake is not done */
};

struct tls {
    SSL *ssl;
    const struct tls_host *host;
    const struct tls_context *first; /* that of the host it began with */
    tls_pick_fn *pick;
    tls_protocols_fn *protocols;
    tls_keep_fn *keep;
    struct tls_ocsp *ocsp; /* what is asked about the client's certificate; NULL: nothing was */
    struct buf in;      /* read before TLS began */
    struct buf out;     /* ciphertext that the socket has not taken */
    size_t owed;        /* plaintext at the head of the sender's chain that is in `out` */
    struct buf plain;   /* a request that came within the handshake: not given out yet */
    uint8_t state;      /* enum tls_state */
    uint8_t early;      /* enum tls_early */
    uint8_t tickets;    /* to be made with the first data */
    bool held;          /* `out` waits for the first data on purpose */
    bool eof;           /* the socket's end was seen */
    bool goodbye;       /* close_notify is out */
    bool shut;          /* our direction ends as soon as the handshake is done */
    bool cut;           /* it ended without a close_notify */
    bool ended;         /* the peer's direction has */
    bool listens;       /* something was sent to it after that */
    bool told;          /* the cause of a failure is in the log */
};

static inline struct tls *tls_at(const struct conn *c)
{
    return c->tls;
}

/* While a call into OpenSSL lasts: one for the process. */
extern struct tls_run {
    char bytes[TLS_RUN_ROOM]; /* what it wrote */
    size_t len;
    struct str first;         /* read, to be consumed by OpenSSL before the socket */
    int err;                  /* errno of a failed recv or send; 0: none */
    bool emptied;             /* the socket has nothing more in this call */
    size_t budget;            /* so many bytes may still be read from it */
} tls_run;

/* A BIO that stands for the connection; NULL: no memory. */
BIO *tls_run_bio(struct conn *c);

/* Before each call into OpenSSL. */
void tls_run_begin(bool emptied);

/* After it: what it produced goes out, or is kept. RC_AGAIN: some was kept. */
enum rc tls_run_flush(struct conn *c, int flags);

/* What was kept goes out. RC_AGAIN: not all of it. */
enum rc tls_run_push(struct conn *c);

/* Ciphertext to be sent later. */
void tls_run_keep(struct tls *t, const char *data, size_t len);

/* The peer's first bytes that the call did not consume are kept for the next. */
void tls_run_keep_first(struct tls *t);

/* Why a call into OpenSSL ended badly, as one line. */
void tls_explain(struct conn *c, const char *call);

/* In tls_io.c: close_notify, once and where it makes sense. */
void tls_say_goodbye(struct conn *c);
