/*
 * worker/net/conn.h - a connection: descriptor, readiness, timer, and how bytes go through it.
 *
 * Embedded as the first member in what a protocol keeps for a connection (struct h1_conn, an
 * upstream connection, a session). Small on purpose: an idle keep-alive connection is this, the
 * protocol's own few fields, and no buffer and no pool.
 */
#pragma once

#include <netinet/in.h>

#include "common/chain.h"
#include "common/log.h"
#include "common/pool.h"
#include "worker/event/loop.h"

struct conn;
struct listen_spec;
struct tls;
struct addr;

/* Results of conn_recv beside a count above 0. */
enum { CONN_EOF = 0, CONN_AGAIN = -1, CONN_ERROR = -2 };

/* How bytes travel: plain (io.c) or TLS. */
struct conn_io {
    /* Up to `room` bytes. CONN_AGAIN clears ev.readable. Errors are logged by the callee. */
    ssize_t (*recv)(struct conn *c, void *into, size_t room);
    /* Writes from the head of `out` at most `max` bytes, consumes what was taken. RC_OK: all of it
       (up to max) is gone; RC_AGAIN: the socket is full, ev.writable is cleared; RC_ERROR. */
    enum rc (*send)(struct conn *c, struct chain *out, size_t max);
    /* Ends the stream in our direction (shutdown, close_notify). */
    void (*shutdown)(struct conn *c);
};

/* What the worker tells every connection of a protocol. */
struct conn_owner {
    const char *name;
    void (*on_drain)(struct conn *c, bool successor); /* the worker is going: finish soon */
    bool (*on_squeeze)(struct conn *c); /* room is short: if it is idle it closes now or in this
                                           turn, and the answer is true. NULL: it never is */
};

struct conn {
    struct event ev;
    struct timer timer;
    struct post post;
    struct conn *next, *prev;       /* all open connections of this worker */
    const struct conn_io *io;
    const struct conn_owner *owner;
    struct tls *tls;                /* NULL: plain (tls.h) */
    struct pool *pool;              /* NULL until conn_pool() is first called */
    const struct listen_spec *listen; /* NULL for connections we opened */
    struct conn_more *more;         /* NULL until something of it is needed; recycled memory */
    struct log log;
    uint64_t sent;                  /* bytes written */
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;    /* 28 bytes; family AF_UNIX has no more than its family */
    } peer;
    bool nodelay_set;
    bool share_packets;             /* a file may share its first packet with the head before it */
    bool debug;                     /* debug_connection names the peer: log everything */
};

static_assert(sizeof(struct conn) <= 216, "an idle connection is small");

/* Prepares the members (the fd is open, non-blocking, and connected or connecting), links it in,
   registers it in the loop. The log starts as the process's, with conn_next_number(). What else is
   in *c is left alone: set `listen` before, `peer` before or after. RC_ERROR: the fd is still the
   caller's. */
enum rc conn_open(struct conn *c, int fd, const struct conn_io *io,
                  const struct conn_owner *owner, void (*on_event)(struct event *ev));

/* The connection goes on as `to` (zeroed memory), with another owner: descriptor, TLS, pool, log
   and addresses. Its timer and post are not taken along. `from` is memory for conn_collect then.
   RC_ERROR: nothing changed. */
enum rc conn_move(struct conn *to, struct conn *from, const struct conn_owner *owner,
                  void (*on_event)(struct event *ev));

/* Closes the descriptor, cancels timer and post, gives the pool back, unlinks. The memory around it
   stays the owner's, who frees it through conn_collect. */
void conn_close(struct conn *c);

/* The same, with a RST to the peer (SO_LINGER 0). */
void conn_reset(struct conn *c);

/* Frees `memory` (from conn_alloc, `bytes` long) at the end of this turn: no event refers to it
   then. */
void conn_collect(void *memory, size_t bytes);

/* Zeroed memory for a struct that embeds a conn, recycled by size. */
void *conn_alloc(size_t bytes);

struct pool *conn_pool(struct conn *c);

/* The local address, asked of the kernel when first needed (never, if the listen names it).
   RC_ERROR: the connection is gone. */
enum rc conn_local(struct conn *c, struct addr *out);
void conn_peer(const struct conn *c, struct addr *out);
void conn_set_peer(struct conn *c, const struct addr *from);

/* What is known of a connection, for who may outlive it: its addresses and its PROXY header, but no
   descriptor and no TLS. */
struct conn *conn_shadow(struct pool *pool, struct conn *c);

/* What the PROXY header said that came first, kept with its extensions; NULL: none came, or it
   named no addresses. Set at most once. */
struct proxy_header;
void conn_set_proxy(struct conn *c, const struct proxy_header *header);
const struct proxy_header *conn_proxy(const struct conn *c);

/* What a thread sends for it at the moment (send_job.h): the place where that is kept. */
struct send_job;
struct send_job **conn_send_job(struct conn *c);

/* The peers (struct cidr) about whose connections everything is logged; NULL: none. */
struct array;
void conn_debug_peers(const struct array *cidrs);

/* How bad a failed call on this connection is: a client that goes away is worth an info line, an
   origin an error, the rest is an alert. */
enum log_level conn_log_level(const struct conn *c, int err);

static inline ssize_t conn_recv(struct conn *c, void *into, size_t room)
{
    return c->io->recv(c, into, room);
}

static inline enum rc conn_send(struct conn *c, struct chain *out, size_t max)
{
    return c->io->send(c, out, max);
}

/* Set once, remembered; no system call when already so. */
void conn_nodelay(struct conn *c);

uint32_t conn_next_number(void);

/* Counters of this worker (stub_status and the limit worker_connections). */
struct conn_stats {
    uint64_t accepted, handled, requests;
    uint32_t open, clients;         /* all connections; those of clients */
    uint32_t reading, writing;      /* requests whose head arrives; that are served */
    uint32_t background;            /* requests that go on without a client's connection */
    uint32_t limit;                 /* worker_connections */
};
extern struct conn_stats conn_stats;

/* Calls owner->on_drain of each open connection. It may close any of them. */
void conn_drain_all(bool successor);

/* Descriptors or worker_connections are all used: idle connections are given up, those to origins
   before those of clients, the oldest first. How many were; 0 soon after there were none. */
uint32_t conn_squeeze(void);
/* Set by that: nothing idle is worth keeping any more. */
extern bool conn_draining;
/* Shuts every open connection down in both directions: their machines meet the end of the stream,
   or an error, and finish in their own way. */
void conn_cut_all(void);
extern bool conn_all_cut;       /* it was done */

extern const struct conn_io conn_plain;  /* io.c */
