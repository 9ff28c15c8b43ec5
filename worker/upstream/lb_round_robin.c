/*
 * worker/upstream/lb_round_robin.c - weighted round robin, smooth: a,a,b,a,c,a,a for weights 5,1,1.
 *
 * Backups are asked only when no ordinary peer is left.
 */
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

static const struct peer *pick(struct dial *d)
{
    const struct upstream_group *g = d->group;
    const struct peer *peer = balancer_in_turn(d, 0, g->primaries, NULL, NULL);

    if (peer != NULL)
        return peer;
    return balancer_in_turn(d, g->primaries, g->primaries + g->backups, NULL, NULL);
}

const struct balancer round_robin = {.name = "round robin", .pick = pick};

static const struct peer *pick_next(struct dial *d)
{
    for (uint32_t i = 0; i < d->group->primaries; i++)
        if (!dial_was_tried(d, i))
            return &d->group->peers[i];
    return NULL;
}

const struct balancer in_order = {.name = "in order", .pick = pick_next};
