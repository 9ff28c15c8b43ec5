/*
 * worker/upstream/balancer.h - how a group chooses the peer for a try.
 */
#pragma once

#include "worker/upstream/peer.h"

struct dial;

struct balancer {
    const char *name;
    /* A peer that may be tried and was not yet (peer_was_tried), or NULL. Called under the zone's
       lock, except for a single peer. */
    const struct peer *(*pick)(struct dial *d);
};

extern const struct balancer round_robin; /* lb_round_robin.c */
