/*
 * worker/upstream/balancer.h - how a group chooses the peer for a try.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/upstream/peer.h"
#include "worker/upstream/peer_time.h"

struct dial;

struct balancer {
    const char *name;
    bool counted;                 /* asks how many connections each peer has */
    bool no_backup;               /* does not know ordinary peers from backups */
    enum peer_timing timing;      /* asks how long answers take */
    bool inflight;                /* and for how long others have been awaited */
    bool no_slow_start;           /* weights are what they are: keys and places depend on them */
    /* Config time, may be NULL: makes group->balancer_data when the peers are known. */
    void (*build)(struct pool *pool, struct upstream_group *group);
    /* Run time, may be NULL: what the choices for one request have in common. */
    void (*begin)(struct dial *d);
    /* A peer that may be tried and was not yet (dial_was_tried), or NULL. Called under the zone's
       lock, except for a single peer. */
    const struct peer *(*pick)(struct dial *d);
};

extern const struct balancer round_robin; /* lb_round_robin.c */
extern const struct balancer in_order;    /* the same file: for groups without a history */

/* Config time: the directive in `call` asks for this balancer. A second wins, with a warning. */
bool balancer_set(struct conf_call *call, const struct balancer *balancer);

/* Not tried, usable, and not draining. */
bool balancer_may_pick(const struct dial *d, const struct peer *peer, int64_t now_s);

/* Of the peers at places [from, to) that may be picked and fit (`fits` may be NULL) the one whose
   turn it is: smooth weighted round robin. Each gains its weight, the richest pays the sum of all
   gains. A peer's gain shrinks when it fails, recovers by one at each choice, and is in proportion
   to its share (peer_share). NULL: none. */
typedef bool balancer_fits_fn(const struct peer *peer, const void *arg);
const struct peer *balancer_in_turn(struct dial *d, uint32_t from, uint32_t to,
                                    balancer_fits_fn *fits, const void *arg);

/* Under the lock: it was chosen though it may not be its turn. What balancer_in_turn would have
   made it pay it pays, within limits. */
void balancer_charge(struct dial *d, const struct peer *peer);

/* After so many looks at peers that may not be picked a lookup gives up: round robin chooses. */
#define BALANCER_LOOKS 20

/* The sum of the ordinary peers' weights. */
uint32_t balancer_total_weight(const struct upstream_group *group);

/* The ordinary peer that owns `point`, of the total weight, when all stand in line. */
const struct peer *balancer_peer_at(const struct upstream_group *group, uint32_t point);
