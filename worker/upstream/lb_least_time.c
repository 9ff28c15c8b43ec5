/*
 * worker/upstream/lb_least_time.c - the peer that answers soonest, by its average and connections.
 *
 * A peer of which nothing is known counts as the quickest of the others does, so that it is tried
 * but not overrun. Among equals it goes round, by weight. Backups are asked only when no ordinary
 * peer is left.
 */
#include "worker/upstream/lb_least_time.h"

#include "common/clock.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"
#include "worker/upstream/peer_time.h"

static int64_t time_of(const struct peer *peer)
{
    const struct balancer *balancer = peer->group->balancer;

    return peer_time_us(peer_state(peer), balancer->timing, balancer->inflight);
}

double least_time_cost(const struct peer *peer, int64_t unknown_us)
{
    const struct peer_state *state = peer_state(peer);
    int64_t us = time_of(peer);

    return (double)(us > 0 ? us : unknown_us) * (state->conns + 1) /
           (double)MAX(peer_weight(peer, state), 1);
}

static int64_t quickest(const struct upstream_group *group)
{
    int64_t best = INT64_MAX;

    for (uint32_t i = 0; i < group->primaries + group->backups; i++) {
        int64_t us = time_of(&group->peers[i]);

        best = us > 0 ? MIN(best, us) : best;
    }
    return best == INT64_MAX ? 1 : best;
}

struct least {
    int64_t unknown_us;
    double cost;
    const struct peer *first;
    bool several;
};

static void find_least(struct dial *d, uint32_t from, uint32_t to, struct least *l)
{
    int64_t now_s = clock_mono_ms / 1000;

    for (uint32_t i = from; i < to; i++) {
        const struct peer *peer = &d->group->peers[i];
        double cost;

        if (!balancer_may_pick(d, peer, now_s))
            continue;
        cost = least_time_cost(peer, l->unknown_us);
        if (l->first == NULL || cost < l->cost) {
            l->first = peer;
            l->cost = cost;
            l->several = false;
        } else if (cost == l->cost) {
            l->several = true;
        }
    }
}

static bool is_equal(const struct peer *peer, const void *arg)
{
    const struct least *l = arg;

    return least_time_cost(peer, l->unknown_us) == l->cost;
}

static const struct peer *pick_among(struct dial *d, uint32_t from, uint32_t to, int64_t unknown_us)
{
    struct least l = {.unknown_us = unknown_us};

    find_least(d, from, to, &l);
    if (!l.several)
        return l.first;
    return balancer_in_turn(d, (uint32_t)(l.first - d->group->peers), to, is_equal, &l);
}

static const struct peer *pick(struct dial *d)
{
    const struct upstream_group *g = d->group;
    int64_t unknown_us = quickest(g);
    const struct peer *peer = pick_among(d, 0, g->primaries, unknown_us);

    return peer != NULL ? peer
                        : pick_among(d, g->primaries, g->primaries + g->backups, unknown_us);
}

/* By what is measured, and whether answers that are awaited count. */
static const struct balancer least_time[2][2] = {
    {{.name = "least_time header", .counted = true, .timing = TIMING_HEAD, .pick = pick},
     {.name = "least_time header inflight", .counted = true, .timing = TIMING_HEAD,
      .inflight = true, .pick = pick}},
    {{.name = "least_time last_byte", .counted = true, .timing = TIMING_LAST_BYTE, .pick = pick},
     {.name = "least_time last_byte inflight", .counted = true, .timing = TIMING_LAST_BYTE,
      .inflight = true, .pick = pick}},
};

static bool set_least_time(struct conf_call *call)
{
    bool head = str_eq(conf_arg(call, 0), STR("header"));

    if (!head && !str_eq(conf_arg(call, 0), STR("last_byte")))
        return conf_fail_arg(call, 0, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)));
    if (call->count > 1 && !str_eq(conf_arg(call, 1), STR("inflight")))
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    return balancer_set(call, &least_time[head ? 0 : 1][call->count > 1]);
}

static const struct directive directives[] = {
    {.name = "least_time", .where = IN_UPSTREAM, .args = "header|last_byte [inflight]",
     .apply = set_least_time,
     .doc = "A request goes to the server with the least average time until the header or the last "
            "byte of its answers, and the fewest connections, for its weight. With \"inflight\", "
            "answers that are still awaited count too."},
};

const struct module least_time_module = {
    .name = "least_time", .nginx_name = "http_upstream_least_time_module",
    .doc = "Balancing by the time that answers take.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
