/*
 * worker/upstream/peer_time.h - how long a peer takes to answer, as all workers have seen it.
 *
 * Averages lie in the peer's shared state. An old one counts for less: it halves with every
 * PEER_TIME_HALF_S without an answer, so that a peer that once was slow is tried again.
 */
#pragma once

#include "worker/upstream/peer.h"

#define PEER_TIME_HALF_S 10

/* What is measured: from the choice of the peer to this. */
enum peer_timing { TIMING_NONE, TIMING_HEAD, TIMING_LAST_BYTE };

/* An answer that is awaited, as booked. */
struct peer_wait {
    struct booking *pending, *since;
};

/* Under the lock: an answer is awaited from now on. Only for balancers that look at those too. */
void peer_time_begin(const struct peer *peer, struct peer_wait *wait);

/* It is not awaited any more. Takes the lock if it was. */
void peer_time_end(const struct peer *peer, struct peer_wait *wait);

/* It took so long. `failed`: there was no answer, which counts only where it is worse than the
   average. Takes the lock. */
void peer_time_note(const struct peer *peer, enum peer_timing what, int64_t ms, bool failed);

/* Under the lock: what is to be expected, in microseconds; 0: unknown. With `inflight` answers that
   are awaited for longer than an average one took count too. */
int64_t peer_time_us(const struct peer_state *state, enum peer_timing what, bool inflight);
