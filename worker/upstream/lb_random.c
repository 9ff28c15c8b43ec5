/*
 * worker/upstream/lb_random.c - any peer, or the better of any two.
 *
 * Chances are in proportion to weights. The better of two is the one with fewer connections for its
 * weight, or that answers sooner: nearly as even as looking at all of them, without many workers
 * choosing the same.
 */
#include "worker/upstream/lb_random.h"

#include "common/clock.h"
#include "common/conf_value.h"
#include "common/random.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"
#include "worker/upstream/lb_least_time.h"

/* Any that may be picked, but not `other`. NULL after too many looks. */
static const struct peer *any(struct dial *d, uint32_t total, const struct peer *other)
{
    int64_t now_s = clock_mono_ms / 1000;

    while (!d->group->single && d->choice.looks <= BALANCER_LOOKS) {
        const struct peer *peer = balancer_peer_at(d->group, random_below(total));

        if (peer != other && balancer_may_pick(d, peer, now_s))
            return peer;
        d->choice.looks++;
    }
    return NULL;
}

static const struct peer *pick_one(struct dial *d)
{
    const struct peer *peer = any(d, balancer_total_weight(d->group), NULL);

    return peer != NULL ? peer : round_robin.pick(d);
}

/* Is a the better one? A time that was never seen is taken to be short. */
static bool is_better(const struct balancer *balancer, const struct peer *a, const struct peer *b)
{
    if (balancer->timing != TIMING_NONE)
        return least_time_cost(a, 1) < least_time_cost(b, 1);
    return (int64_t)peer_state(b)->conns * a->server->weight >
           (int64_t)peer_state(a)->conns * b->server->weight;
}

static const struct peer *pick_of_two(struct dial *d)
{
    uint32_t total = balancer_total_weight(d->group);
    const struct peer *a = any(d, total, NULL), *b;

    b = a == NULL ? NULL : any(d, total, a);
    if (b == NULL)
        return a != NULL ? a : round_robin.pick(d);
    return is_better(d->group->balancer, a, b) ? a : b;
}

static const struct balancer random_one = {
    .name = "random", .no_backup = true, .no_slow_start = true, .pick = pick_one,
};
static const struct balancer random_two = {
    .name = "random two", .no_backup = true, .no_slow_start = true, .counted = true,
    .pick = pick_of_two,
};
static const struct balancer random_two_head = {
    .name = "random two least_time=header", .no_backup = true, .no_slow_start = true,
    .counted = true, .timing = TIMING_HEAD, .pick = pick_of_two,
};
static const struct balancer random_two_last = {
    .name = "random two least_time=last_byte", .no_backup = true, .no_slow_start = true,
    .counted = true, .timing = TIMING_LAST_BYTE, .pick = pick_of_two,
};

static const struct balancer *second_word(struct str word)
{
    if (word.len == 0 || str_eq(word, STR("least_conn")))
        return &random_two;
    if (str_eq(word, STR("least_time=header")))
        return &random_two_head;
    return str_eq(word, STR("least_time=last_byte")) ? &random_two_last : NULL;
}

static bool set_random(struct conf_call *call)
{
    if (call->count > 0 && !str_eq(conf_arg(call, 0), STR("two")))
        return conf_fail_arg(call, 0, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)));
    if (second_word(conf_arg(call, 1)) == NULL)
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    return balancer_set(call, call->count > 0 ? second_word(conf_arg(call, 1)) : &random_one);
}

static const struct directive directives[] = {
    {.name = "random", .where = IN_UPSTREAM,
     .args = "[two [least_conn|least_time=header|least_time=last_byte]]", .apply = set_random,
     .doc = "A request goes to any server, by weight. With \"two\", to the one of any two that has "
            "fewer connections for its weight, or, as said, answers sooner: see least_time."},
};

const struct module random_module = {
    .name = "random", .nginx_name = "http_upstream_random_module",
    .doc = "Balancing by chance.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
