/*
 * worker/upstream/trend.h - what was counted within the last seconds, by all workers and without a
 * lock.
 *
 * A window of time is a ring of cells, each for a tenth of it; a cell is emptied by who comes first
 * to count in its new time. Two who come at once may lose a count or two: these are figures to
 * decide by, not to account with. All zero is a trend of nothing. The length of the window is the
 * caller's and must stay the same; when a new configuration changes it, what was counted before is
 * soon forgotten.
 */
#pragma once

#include <stdatomic.h>

#include "common/base.h"

#define TREND_CELLS 10

struct trend_cell {
    _Atomic uint32_t turn;        /* how many times of that length have passed since the start */
    _Atomic uint32_t all, bad;
    _Atomic uint64_t ms;
};

struct trend {
    struct trend_cell cells[TREND_CELLS];
};

struct trend_sum {
    uint64_t all, bad, ms;
};

/* Adds to the counts. True for the first one in a new tenth of the window. */
bool trend_add(struct trend *t, int64_t now_ms, int64_t window_ms, struct trend_sum add);

/* What was added within the window that ends now: the current tenth and the nine before. */
struct trend_sum trend_total(const struct trend *t, int64_t now_ms, int64_t window_ms);

void trend_forget(struct trend *t);
