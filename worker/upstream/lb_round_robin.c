/*
 * worker/upstream/lb_round_robin.c - weighted round robin, smooth: a,a,b,a,c,a,a for weights 5,1,1.
 *
 * At each choice every usable peer gains its weight and the richest pays the sum of all gains. A
 * peer's gain shrinks when it fails and recovers by one at each choice. Backups are asked only when
 * no ordinary peer is left.
 */
#include "common/clock.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

static const struct peer *richest(struct dial *d, uint32_t from, uint32_t to, int64_t now_s)
{
    const struct peer *best = NULL;
    int64_t total = 0;

    for (uint32_t i = from; i < to; i++) {
        const struct peer *peer = &d->group->peers[i];
        struct peer_state *s = peer_state(peer);

        if (dial_was_tried(d, i) || !peer_usable(peer, s, now_s))
            continue;
        s->current_weight += s->effective_weight;
        total += s->effective_weight;
        if (s->effective_weight < peer->server->weight)
            s->effective_weight++;
        if (best == NULL || s->current_weight > peer_state(best)->current_weight)
            best = peer;
    }
    if (best != NULL)
        peer_state(best)->current_weight -= total;
    return best;
}

static const struct peer *pick(struct dial *d)
{
    const struct upstream_group *g = d->group;
    int64_t now_s = clock_mono_ms / 1000;
    const struct peer *peer = richest(d, 0, g->primaries, now_s);

    return peer != NULL ? peer : richest(d, g->primaries, g->primaries + g->backups, now_s);
}

const struct balancer round_robin = {.name = "round robin", .pick = pick};
