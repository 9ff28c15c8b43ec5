/*
 * worker/keeper/check_schedule.h - when health checks are made, so that those of many peers do not
 * come at once.
 *
 * All peers are asked soon after the start, in single file. The rest before the second check is of
 * any length about the interval, which spreads them over it; from then on each keeps its own time.
 */
#pragma once

#include "common/random.h"

#define CHECK_GAP_MS 2  /* between first checks */
#define CHECKS_FEW   16 /* so many need not be spread */

/* The first check of number `k` of `count`: ms from now. All are made within an interval. */
static inline int64_t schedule_first(uint32_t k, uint32_t count, int64_t interval_ms)
{
    return MIN(k * (int64_t)CHECK_GAP_MS, k * interval_ms / MAX(count, 1));
}

/* From the beginning of a check to that of the next. `first`: it was the first. */
static inline int64_t schedule_next(bool first, uint32_t count, int64_t interval_ms,
                                    int64_t jitter_ms)
{
    int64_t span_ms = MIN(interval_ms, INT32_MAX);
    int64_t next_ms = interval_ms;

    if (first && count > CHECKS_FEW)
        next_ms += random_below((uint32_t)span_ms) - span_ms / 2;
    if (jitter_ms > 0)
        next_ms += random_below((uint32_t)jitter_ms + 1);
    return next_ms;
}
