/*
 * worker/upstream/retry_budget.c - a share of retries over recent requests, in the group's zone.
 */
#include "worker/upstream/retry_budget.h"

#include "common/clock.h"
#include "worker/upstream/peer.h"

#define WINDOW_MS 10000

void retry_budget_note(const struct retry_budget *budget, const struct upstream_group *group)
{
    struct peer_history *history;

    if (likely(budget->percent == 0))
        return;
    history = peer_group_history(group);
    if (history != NULL)
        trend_add(&history->trend, clock_mono_ms, WINDOW_MS, (struct trend_sum){.all = 1});
}

bool retry_budget_take(const struct retry_budget *budget, const struct upstream_group *group)
{
    struct peer_history *history;
    struct trend_sum sum;

    if (budget->percent == 0 || (history = peer_group_history(group)) == NULL)
        return true;
    sum = trend_total(&history->trend, clock_mono_ms, WINDOW_MS);
    if (sum.bad >= (uint64_t)budget->least &&
        (sum.bad + 1) * 100 > sum.all * (uint64_t)budget->percent)
        return false;
    trend_add(&history->trend, clock_mono_ms, WINDOW_MS, (struct trend_sum){.bad = 1});
    return true;
}
