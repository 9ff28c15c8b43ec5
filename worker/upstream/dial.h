/*
 * worker/upstream/dial.h - the way to an origin: picks a peer, connects or reuses, books how it
 * went, tries the next.
 *
 *     d->group, options, log, pool, done are set; dial_start(d);
 *     d->state is DIAL_READY, DIAL_FAIL, or neither yet: then `done` is posted when it is
 *     ... talk over d->exchange ...
 *     dial_end(d, PEER_GOOD, true)    it went well, keep the connection
 *     dial_next(d, DIAL_TIMEOUT)      it did not: as dial_start, with another peer
 *
 * The owner decides whether a try that got as far as an exchange may be repeated; dial repeats by
 * itself only those that never got a connection, as `retry` allows.
 */
#pragma once

#include "worker/upstream/exchange.h"
#include "worker/upstream/peer.h"
#include "worker/upstream/peer_time.h"
#include "worker/upstream/retry_budget.h"

enum dial_state {
    DIAL_IDLE,
    DIAL_NAMES,   /* the names of the group's servers are resolved for the first time */
    DIAL_QUEUE,   /* no peer may be tried now: see queue.h */
    DIAL_PICK,    /* choose a peer, take an idle connection or begin a new one */
    DIAL_FOLLOW,  /* another dial is on its way to a connection that can be shared */
    DIAL_CONNECT, /* a connection is on its way */
    DIAL_SECURE,  /* a TLS handshake is under way */
    DIAL_PAUSE,   /* a try failed, the next waits for its time */
    DIAL_READY,   /* d->exchange is the owner's */
    DIAL_FAIL,    /* d->fault says why; there is no exchange */
    DIAL_STATES
};

/* Why a try ended badly. Bits, as sets of them are configured. */
enum dial_fault {
    DIAL_NO_FAULT = 0,
    DIAL_ERROR    = 1, /* refused, reset, closed early */
    DIAL_TIMEOUT  = 2,
    DIAL_NO_PEER  = 4, /* no peer may be tried */
    DIAL_DENIED   = 8, /* the owner allows no connection to that one */
    /* What the owner may find wrong with an answer. */
    DIAL_INVALID  = 1 << 4,
    DIAL_500      = 1 << 5,
    DIAL_502      = 1 << 6,
    DIAL_503      = 1 << 7,
    DIAL_504      = 1 << 8,
    DIAL_403      = 1 << 9,
    DIAL_404      = 1 << 10,
    DIAL_429      = 1 << 11,
    /* What is ours, and would be no better with another peer. */
    DIAL_LOCAL    = 1 << 14, /* there is no socket for it: nobody was asked */
    DIAL_UNFIT    = 1 << 15, /* the certificate that is to be shown cannot be had */
};
#define DIAL_OURS   (DIAL_LOCAL | DIAL_UNFIT)
#define DIAL_CAUSES (DIAL_ERROR | DIAL_TIMEOUT | (2 * DIAL_429 - DIAL_INVALID))

/* DIAL_500 for 500 ...; DIAL_NO_FAULT for all others. */
enum dial_fault dial_fault_of(int status);

/* Why there is no peer. */
enum dial_lack { LACK_LIVE, LACK_ROOM /* in the queue */, LACK_TIME /* to wait there */ };

/* One try, for logs and variables. Times in ms since the epoch of clock_mono_ms; -1: never. */
struct dial_try {
    struct dial_try *next;
    struct str addr;              /* empty: a mark between two groups of tries */
    struct str server;            /* as configured */
    int64_t started_ms, connected_ms, head_ms, ended_ms;
    int64_t queued_ms;            /* how long it had to wait for a peer; -1: not at all */
    int64_t bytes_sent, bytes_received, body_bytes;
    uint16_t status;              /* of the answer; 0: none */
    uint16_t fault;               /* enum dial_fault; its owner may set it before the end */
};

struct dial_options {
    struct exchange_options exchange;
    int64_t tries;                /* at most; 0: one for each peer */
    int64_t next_timeout_ms;      /* no further try after that; 0: any time */
    int64_t try_timeout_ms;       /* for one try to get a connection; 0: only connect_timeout_ms */
    int64_t backoff_ms, backoff_most_ms; /* the pause before a retry: at random up to the first,
                                     which doubles each time up to the second; 0: none */
    struct retry_budget budget;
    uint32_t retry;               /* enum dial_fault bits after which the next peer is tried */
    bool keepalive;               /* may use idle connections */
    bool same;                    /* when all peers were tried they may be tried once more */
    const struct shared_ops *shared; /* exchanges are parts of connections, NULL: whole ones */
};

/* What a balancer remembers from one choice for a request to the next. */
struct dial_choice {
    struct str key;
    uint32_t hash, looks, misses;
};

struct dial {
    /* The owner's. */
    const struct upstream_group *group; /* one that moves is replaced by its current version */
    const struct dial_options *options;
    struct log *log;
    struct pool *pool;            /* for records of tries */
    struct scope *scope;          /* whose variables a balancer may ask for; may be NULL */
    const struct secure_options *secure; /* TLS to the origin; NULL: none */
    struct str name;              /* who the origin should be, under TLS */
    const struct secure_shown *shown; /* the certificate chosen for this try; NULL: that of
                                     `secure`, or none */
    uint32_t client;              /* in groups with `ntlm`: the number of the client's connection */
    bool binds;                   /* which from now on has its own to the origin */
    struct str preface;           /* sent first on a new connection, before TLS: some hundred bytes
                                     at most. Such a one is nobody else's: no keepalive */
    struct post *done;
    void (*on_try)(struct dial *d); /* a peer was chosen: d->peer; may be NULL */
    bool (*allows)(struct dial *d); /* then: may it be connected to? NULL: any may */

    /* The outcome. */
    enum dial_state state;
    enum dial_fault fault;
    enum dial_lack lack;          /* DIAL_NO_PEER */
    const struct peer *peer;      /* of the current or last try */
    struct exchange *exchange;
    bool reused;                  /* the exchange was an idle one */
    struct dial_try *tries, *try; /* all of them in order; the last */

    /* Its own. */
    bool running, fresh;          /* fresh: no idle connections this time, and the same peer */
    bool chosen;                  /* peer_chosen is owed a peer_result */
    bool judged, probing;         /* by the breaker: this try; it is a probe */
    bool refused;                 /* there are peers, but their breakers are open */
    uint32_t retries;             /* tries after the first */
    struct booking *probe;
    bool woken, waits_fresh;      /* in the queue: it may look for a peer; as group_live says */
    uint32_t tries_left;
    int64_t started_ms, queued_ms;
    uint64_t bound;               /* the hash of the route that a session has; 0: none */
    struct peer_wait wait;
    struct link wait_link;
    struct booking *booking;
    uint64_t tried[1];            /* by place in the group, first 64; the rest in the pool */
    uint64_t *tried_more;
    struct dial_choice choice;
    struct post post;
    struct timer timer;           /* until names are looked at again; of a pause; of the queue;
                                     of DIAL_FOLLOW */
    int64_t pause_ms;             /* that is about to begin */
    struct link lead;             /* of the group's leaders or followers (shared.h) */
    struct dial *leader;          /* whom it follows */
    uint32_t followers;
    enum dial_fault led;          /* where the leader got to */
};

/* Prepares all that is not the owner's; a dial is zeroed memory before. */
void dial_init(struct dial *d);

void dial_start(struct dial *d);

/* Whether another peer may be tried after such a fault: by number of tries, time, and the budget of
   retries, from which one is taken. */
bool dial_may_retry(struct dial *d, enum dial_fault fault);

/* In DIAL_READY: the head of an answer is in; d->try has its status and time. */
void dial_answered(struct dial *d);

/* In DIAL_READY: a connection was all that was asked for. For breakers, as above. */
void dial_suffices(struct dial *d);

/* In DIAL_READY, after that: the answer broke off. */
void dial_broke(struct dial *d, enum dial_fault fault);

/* In DIAL_READY: this try failed, the exchange is closed and the failure booked; then the next
   peer. `counts`: it is the peer's failure. */
void dial_next(struct dial *d, enum dial_fault fault, bool counts);

/* In DIAL_READY: the idle connection turned out to be dead; a new one to the same peer. */
void dial_again(struct dial *d);

/* In DIAL_READY: the owner is done. The exchange is kept for others, or closed. */
void dial_end(struct dial *d, enum peer_result result, bool keep);

/* In DIAL_READY: the exchange is the owner's for good. */
struct exchange *dial_take_exchange(struct dial *d, enum peer_result result);

/* In DIAL_READY: goes on in other memory, with what is booked and the exchange; `from` is idle and
   forgets its owner. `done` is the new owner's to set. */
void dial_move(struct dial *to, struct dial *from);

/* In any state: gives up, nothing is held against the peer. */
void dial_cancel(struct dial *d);

/* For balancers: was the peer at this place of the group tried? */
static inline bool dial_was_tried(const struct dial *d, uint32_t place)
{
    if (place < 64)
        return (d->tried[0] >> place & 1) != 0;
    return d->tried_more != NULL && (d->tried_more[place / 64] >> (place % 64) & 1) != 0;
}
