/*
 * worker/upstream/lb_least_conn.c - the peer with the fewest connections for its weight.
 *
 * Connections are those of all workers. Among equals it goes round, by weight. Backups are asked
 * only when no ordinary peer is left.
 */
#include "worker/upstream/lb_least_conn.h"

#include "common/clock.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

/* Below 0: a has fewer connections for its weight than b. */
static int64_t compare(const struct peer *a, const struct peer *b)
{
    const struct peer_state *of_a = peer_state(a), *of_b = peer_state(b);

    return of_a->conns * peer_weight(b, of_b) - of_b->conns * peer_weight(a, of_a);
}

static const struct peer *least(struct dial *d, uint32_t from, uint32_t to, int64_t now_s,
                                bool *several)
{
    const struct peer *best = NULL;

    for (uint32_t i = from; i < to; i++) {
        const struct peer *peer = &d->group->peers[i];
        int64_t order;

        if (!balancer_may_pick(d, peer, now_s))
            continue;
        order = best == NULL ? -1 : compare(peer, best);
        if (order < 0) {
            best = peer;
            *several = false;
        } else if (order == 0) {
            *several = true;
        }
    }
    return best;
}

static bool is_equal(const struct peer *peer, const void *first)
{
    return compare(peer, first) == 0;
}

static const struct peer *pick_among(struct dial *d, uint32_t from, uint32_t to)
{
    int64_t now_s = clock_mono_ms / 1000;
    bool several = false;
    const struct peer *best = least(d, from, to, now_s, &several);

    if (!several)
        return best;
    return balancer_in_turn(d, (uint32_t)(best - d->group->peers), to, is_equal, best);
}

static const struct peer *pick(struct dial *d)
{
    const struct upstream_group *g = d->group;
    const struct peer *peer = pick_among(d, 0, g->primaries);

    return peer != NULL ? peer : pick_among(d, g->primaries, g->primaries + g->backups);
}

static const struct balancer least_conn = {.name = "least_conn", .counted = true, .pick = pick};

static bool set_least_conn(struct conf_call *call)
{
    return balancer_set(call, &least_conn);
}

static const struct directive directives[] = {
    {.name = "least_conn", .where = IN_UPSTREAM, .args = "", .apply = set_least_conn,
     .doc = "A request goes to the server with the fewest connections for its weight."},
};

const struct module least_conn_module = {
    .name = "least_conn", .nginx_name = "http_upstream_least_conn_module",
    .doc = "Balancing by connections in flight.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
