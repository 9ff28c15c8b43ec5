/*
 * worker/upstream/exchange.h - a way to one origin: a whole connection, in use or idle.
 *
 * Whoever uses it is posted when the connection has news (an event, or its timer went off) and
 * looks at the flags. It is memory of its own: exchange_close gives it back.
 */
#pragma once

#include "common/list.h"
#include "worker/net/conn.h"
#include "worker/upstream/group.h"

#define SECURE_ID 32 /* bytes that tell certificates apart */

struct secure_options;
struct shared_ops;

struct exchange {
    struct conn conn;           /* first */
    struct link idle_link;      /* of the group's idle or shared ones */
    const struct peer *peer;    /* NULL when the group was made for one request */
    const void *place;          /* who opened it, for keepalive ... local */
    uint32_t client;            /* number of the client's connection that alone may use it, for it
                                   has logged in over it (`ntlm`); 0: any */
    struct post *user;          /* NULL while idle */
    _Atomic uint32_t *use;      /* where it is counted while it is not; NULL: nowhere */
    int64_t opened_ms;
    const struct secure_options *secure; /* NULL: plain */
    uint64_t name_hash, session_key;     /* of the origin's name; of sessions with it */
    uint8_t shown[SECURE_ID];   /* of our certificate where it was chosen (secure.h); zeroes */
    uint32_t requests;          /* sent over it before the current one */
    bool timed_out;             /* its timer went off */
    const struct shared_ops *shared; /* several exchanges at once (shared.h): it carries them, or */
    bool part;                  /* it is one of them */
    bool resting;               /* it carries none at the moment */
};

/* How a connection is made; belongs to the configuration of who dials. */
struct exchange_options {
    int64_t connect_timeout_ms;
    const struct addr *bind;    /* NULL: any */
    bool transparent;           /* `bind` may be somebody else's */
    bool socket_keepalive;
    int64_t rcvbuf, sndbuf;     /* 0: the system's */
    const void *place;
};

/* How the opening of a connection went. But for the first two that is logged. */
enum exchange_opened {
    EXCHANGE_READY,   /* connected */
    EXCHANGE_BEGUN,   /* will be */
    EXCHANGE_REFUSED, /* by the peer, or by whatever is on the way to it */
    EXCHANGE_LACKING, /* we have no socket, or it has not the address it should: nobody was asked */
};

/* A new connection to a peer. *out is NULL when there is none. */
enum exchange_opened exchange_open(struct exchange **out, const struct peer *peer,
                                   const struct exchange_options *options, struct post *user,
                                   struct log *log);

/* A part of `whole`, whose struct begins with zeroed memory; `io` is how its bytes travel. */
void exchange_init_part(struct exchange *x, const struct exchange *whole,
                        const struct conn_io *io);

/* It has another user now. */
void exchange_use(struct exchange *x, struct post *user, const struct log *log);

void exchange_close(struct exchange *x);
