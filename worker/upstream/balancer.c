/*
 * worker/upstream/balancer.c - what the ways to choose a peer share.
 */
#include "worker/upstream/balancer.h"

#include "common/clock.h"
#include "worker/upstream/dial.h"

bool balancer_set(struct conf_call *call, const struct balancer *balancer)
{
    struct upstream_group *group = call->scope->owner;

    if (group->balancer != &round_robin)
        conf_warn(call, "load balancing method redefined");
    group->balancer = balancer;
    return true;
}

bool balancer_may_pick(const struct dial *d, const struct peer *peer, int64_t now_s)
{
    return !dial_was_tried(d, (uint32_t)(peer - d->group->peers)) && !peer->server->drain &&
           peer_usable(peer, peer_state(peer), now_s);
}

const struct peer *balancer_in_turn(struct dial *d, uint32_t from, uint32_t to,
                                    balancer_fits_fn *fits, const void *arg)
{
    int64_t now_s = clock_mono_ms / 1000, total = 0, gain;
    const struct peer *best = NULL;

    for (uint32_t i = from; i < to; i++) {
        const struct peer *peer = &d->group->peers[i];
        struct peer_state *s = peer_state(peer);

        if (!balancer_may_pick(d, peer, now_s) || (fits != NULL && !fits(peer, arg)))
            continue;
        gain = s->effective_weight * peer_share(peer, s);
        s->current_weight += gain;
        total += gain;
        if (s->effective_weight < peer->server->weight)
            s->effective_weight++;
        if (best == NULL || s->current_weight > peer_state(best)->current_weight)
            best = peer;
    }
    if (best != NULL)
        peer_state(best)->current_weight -= total;
    return best;
}

#define DEBT_MOST 8 /* times the sum of all weights */

void balancer_charge(struct dial *d, const struct peer *peer)
{
    uint32_t from = peer->server->backup ? d->group->primaries : 0;
    uint32_t to = peer->server->backup ? from + d->group->backups : d->group->primaries;
    int64_t now_s = clock_mono_ms / 1000, total = balancer_total_weight(d->group) * SHARE_FULL;
    struct peer_state *own = peer_state(peer);

    if (peer->server->drain || own->current_weight <= -DEBT_MOST * total)
        return;
    total = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct peer *other = &d->group->peers[i];
        struct peer_state *s = peer_state(other);
        int64_t gain = s->effective_weight * peer_share(other, s);

        if (!balancer_may_pick(d, other, now_s))
            continue;
        s->current_weight += gain;
        total += gain;
    }
    own->current_weight -= total;
}

uint32_t balancer_total_weight(const struct upstream_group *group)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < group->primaries; i++)
        total += (uint32_t)group->peers[i].server->weight;
    return total;
}

const struct peer *balancer_peer_at(const struct upstream_group *group, uint32_t point)
{
    uint32_t i = 0;

    for (; i + 1 < group->primaries; i++) {
        uint32_t weight = (uint32_t)group->peers[i].server->weight;

        if (point < weight)
            break;
        point -= weight;
    }
    return &group->peers[i];
}
