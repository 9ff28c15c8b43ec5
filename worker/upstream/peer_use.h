/*
 * worker/upstream/peer_use.h - how many connections to each origin are in use, by process.
 *
 * Each process counts in a block of its own in the zone, so counting takes no lock, and what one
 * had counted that died is gone with its block. Unlike peer_state.conns, which is booked for
 * max_conns, this knows connections whose request is long over: tunnels.
 */
#pragma once

#include <stdatomic.h>

#include "worker/upstream/peer.h"

/* Under the zone's lock: where this process counts for a group. */
void peer_use_attach(const struct upstream_group *group, struct group_live *live);

/* All processes of all generations. Without the lock. */
uint32_t peer_uses(const struct upstream_group *group, const struct peer_state *state);

/* A connection to the peer is in use; *use is where that was counted, or NULL. */
void peer_use_begin(_Atomic uint32_t **use, const struct peer *peer);

/* It is not any more; nothing when *use is NULL. */
static inline void peer_use_end(_Atomic uint32_t **use)
{
    if (*use == NULL)
        return;
    atomic_store_explicit(*use, atomic_load_explicit(*use, memory_order_relaxed) - 1,
                          memory_order_relaxed);
    *use = NULL;
}
