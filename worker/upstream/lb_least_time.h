/*
 * worker/upstream/lb_least_time.h - the peer that answers soonest.
 */
#pragma once

#include "common/module.h"
#include "worker/upstream/peer.h"

extern const struct module least_time_module;

/* Under the lock: what a request to this peer costs: its time, for each connection that it would
   have, for each of its weight. `unknown_us` stands for a time that was never seen. */
double least_time_cost(const struct peer *peer, int64_t unknown_us);
