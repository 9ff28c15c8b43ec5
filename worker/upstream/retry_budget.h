/*
 * worker/upstream/retry_budget.h - how many requests to a group may be retries, over all workers.
 *
 * Retries help with a server that fails now and then; when all fail they multiply the load that
 * made them fail. The share is that of the requests of the last ten seconds.
 */
#pragma once

#include "worker/upstream/group.h"

struct retry_budget {
    int64_t percent;              /* of the requests; 0: no limit */
    int64_t least;                /* retries within the time that are always allowed */
};

/* A request begins. */
void retry_budget_note(const struct retry_budget *budget, const struct upstream_group *group);

/* One more retry is wanted: true if it may be made; it counts then. */
bool retry_budget_take(const struct retry_budget *budget, const struct upstream_group *group);
