/*
 * worker/net/conn_count.h - what this worker counts (conn_stats), for all workers to see.
 */
#pragma once

#include "common/counters.h"

/* Where to publish; NULL or without a row of ours: nowhere. */
void conn_count_init(struct slots *slots);

/* Brings the row up to date; once per loop turn. */
void conn_count_publish(void);

/* All workers' numbers together, or our own where there is no table. Indexed as counters.h says. */
void conn_count_read(uint64_t out[SLOTS_NUMBERS]);
