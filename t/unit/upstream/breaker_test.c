/*
 * t/unit/upstream/breaker_test.c - when breakers open, whom they let in, when they close; with
 * outliers, panic, and the budget of retries.
 */
#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/check.h"
#include "worker/upstream/dial.h"

#define PEERS 4

static struct upstream_server server = {.weight = 1};
static struct upstream_conf conf;
static struct breaker_conf rules;
static struct peer peers[PEERS];
static struct upstream_group group = {
    .name = STR_INIT("g"), .peers = peers, .conf = &conf, .balancer = &round_robin,
    .breaker = &rules,
};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = PEERS};
static struct log quiet;
static struct health_check checks;
static int64_t now_ms = 1000000;

static void pass_time(int64_t ms)
{
    now_ms += ms;
    clock_fake(now_ms, now_ms);
}

static void begin(struct breaker_conf with, uint32_t count)
{
    rules = with;
    rules.errors = rules.errors != 0 ? rules.errors : DIAL_ERROR | DIAL_500;
    rules.window_ms = 1000;
    rules.least = 4;
    rules.open_ms = 100;
    rules.most_ms = 300;
    rules.passes = rules.passes != 0 ? rules.passes : 1;
    group.primaries = group.tries = count;
    group.single = count == 1;
    peer_detach();
    for (uint32_t i = 0; i < PEERS; i++) {
        static const char names[] = "abcd";

        peers[i] = (struct peer){.name = {names + i, 1}, .server = &server, .group = &group,
                                 .id = i};
    }
    peer_attach(&set, 1);
    pass_time(10000);
}

static void judge(uint32_t peer, uint32_t cause, int64_t took_ms)
{
    breaker_judge(&peers[peer], cause, took_ms, false, &quiet);
}

static bool usable(uint32_t peer)
{
    return peer_usable(&peers[peer], peer_state(&peers[peer]), now_ms / 1000);
}

static bool probe(uint32_t peer, uint32_t cause)
{
    struct booking *booking;

    if (!breaker_chosen(&peers[peer], &booking))
        return false;
    breaker_judge(&peers[peer], cause, 1, true, &quiet);
    breaker_probe_ends(&peers[peer], booking);
    return true;
}

static void trips_on_a_row(void)
{
    begin((struct breaker_conf){.consecutive = 3}, 2);
    judge(0, DIAL_ERROR, 0);
    judge(0, DIAL_500, 0);
    judge(0, DIAL_NO_FAULT, 1);
    judge(0, DIAL_ERROR, 0);
    judge(0, DIAL_404, 0);
    judge(0, DIAL_ERROR, 0);
    judge(0, DIAL_ERROR, 0);
    ok(usable(0), "errors that good answers interrupt");
    judge(0, DIAL_ERROR, 0);
    ok(!usable(0), "three in a row");
    ok(usable(1), "the other peer is another matter");
    ok(breaker_refuses(&group), "refused by a breaker");
}

static void trips_on_a_share(void)
{
    begin((struct breaker_conf){.percent = 50}, 2);
    judge(0, DIAL_ERROR, 0);
    judge(0, DIAL_ERROR, 0);
    judge(0, DIAL_ERROR, 0);
    ok(usable(0), "too few requests to judge by");
    pass_time(1000);
    for (int i = 0; i < 4; i++)
        judge(0, DIAL_NO_FAULT, 1);
    for (int i = 0; i < 3; i++)
        judge(0, DIAL_500, 1);
    ok(usable(0), "what is long ago does not count");
    judge(0, DIAL_500, 1);
    ok(!usable(0), "half of them");
}

static void trips_when_slow(void)
{
    begin((struct breaker_conf){.consecutive = 2, .slow_ms = 50}, 2);
    judge(0, DIAL_NO_FAULT, 50);
    judge(0, DIAL_NO_FAULT, 51);
    ok(usable(0), "one slow answer");
    judge(0, DIAL_NO_FAULT, 51);
    ok(!usable(0), "two");
}

static void closes(void)
{
    struct booking *booking, *other;

    begin((struct breaker_conf){.consecutive = 1, .passes = 2}, 2);
    judge(0, DIAL_ERROR, 0);
    ok(!probe(0, 0), "no probe while it is open");
    judge(0, DIAL_NO_FAULT, 0);
    pass_time(99);
    ok(!usable(0), "not yet");
    pass_time(1);
    ok(usable(0), "a probe is due");
    ok(breaker_chosen(&peers[0], &booking), "and goes");
    ok(!usable(0), "nobody else meanwhile");
    ok(!breaker_chosen(&peers[0], &other), "really nobody");
    breaker_judge(&peers[0], 0, 1, true, &quiet);
    breaker_probe_ends(&peers[0], booking);
    ok(peer_is_barred(&peers[0], peer_state(&peers[0])), "two are needed");
    ok(probe(0, 0), "the second");
    ok(!peer_is_barred(&peers[0], peer_state(&peers[0])), "closed");
    ok(usable(0) && !probe(0, 0), "and like any other");
}

static void opens_longer(void)
{
    begin((struct breaker_conf){.consecutive = 1}, 2);
    judge(0, DIAL_ERROR, 0);
    pass_time(100);
    ok(probe(0, DIAL_ERROR), "a probe that fails");
    pass_time(199);
    ok(!usable(0), "twice the time");
    pass_time(1);
    ok(probe(0, DIAL_ERROR), "another");
    pass_time(299);
    ok(!usable(0), "the longest time");
    pass_time(1);
    ok(probe(0, 0), "it is well");
    pass_time(200);
    judge(0, DIAL_ERROR, 0);
    pass_time(299);
    ok(!usable(0), "but not for long: the time goes on");
    pass_time(1);
    ok(probe(0, 0), "well again");
    pass_time(301);
    judge(0, DIAL_ERROR, 0);
    pass_time(100);
    ok(usable(0), "after a good while it starts anew");
}

static void a_probe_may_end_without_a_verdict(void)
{
    struct booking *booking;

    begin((struct breaker_conf){.consecutive = 1}, 2);
    judge(0, DIAL_ERROR, 0);
    pass_time(100);
    ok(breaker_chosen(&peers[0], &booking), "a probe whose client leaves");
    breaker_probe_ends(&peers[0], booking);
    ok(usable(0), "makes room for the next");
}

static void panics(void)
{
    begin((struct breaker_conf){.consecutive = 1, .panic_percent = 50}, 4);
    judge(0, DIAL_ERROR, 0);
    judge(1, DIAL_ERROR, 0);
    pass_time(1);
    ok(!usable(0) && !usable(1) && usable(2), "half of the group is left alone");
    judge(2, DIAL_ERROR, 0);
    pass_time(1);
    ok(usable(0) && usable(1) && usable(2) && usable(3), "more is not");
    group.checks = &checks;
    peer_bar(&group, peer_state(&peers[0]), BAR_UNHEALTHY, true);
    ok(!usable(0), "other bars hold");
    peer_bar(&group, peer_state(&peers[0]), BAR_UNHEALTHY, false);
    group.checks = NULL;
    begin((struct breaker_conf){.consecutive = 1, .panic_percent = 50}, 1);
    judge(0, DIAL_ERROR, 0);
    ok(!usable(0), "a lone peer's breaker is obeyed");
}

static void feed(uint32_t peer, int good, int bad, int64_t took_ms)
{
    for (int i = 0; i < good; i++)
        judge(peer, 0, took_ms);
    for (int i = 0; i < bad; i++)
        judge(peer, DIAL_500, took_ms);
}

static void finds_outliers(void)
{
    begin((struct breaker_conf){.out_percent = 20, .max_ejected = 50}, 4);
    for (uint32_t i = 0; i < 4; i++)
        feed(i, 5, 5, 1);
    pass_time(100);
    for (uint32_t i = 0; i < 4; i++)
        judge(i, 0, 1);
    ok(usable(0) && usable(3), "all alike are no outliers");
    begin((struct breaker_conf){.out_percent = 20, .max_ejected = 50}, 4);
    feed(0, 5, 5, 1);
    feed(1, 5, 5, 1);
    feed(2, 30, 0, 1);
    feed(3, 30, 0, 1);
    pass_time(100);
    judge(0, 0, 1);
    ok(!usable(0), "one that fails more");
    judge(1, 0, 1);
    ok(!usable(1), "then the other");
    feed(2, 0, 100, 1);
    pass_time(100);
    judge(2, 0, 1);
    ok(usable(2), "but no more than the rules allow");
}

static void finds_slow_ones(void)
{
    begin((struct breaker_conf){.out_tenfold = 30, .max_ejected = 10}, 3);
    feed(0, 10, 0, 100);
    feed(1, 10, 0, 10);
    feed(2, 10, 0, 29);
    pass_time(100);
    judge(2, 0, 1);
    ok(usable(2), "not so slow");
    judge(0, 0, 100);
    ok(!usable(0), "three times as slow as the others");
    begin((struct breaker_conf){.out_tenfold = 30, .max_ejected = 10}, 2);
    feed(0, 10, 0, 9);
    feed(1, 10, 0, 0);
    pass_time(100);
    judge(0, 0, 9);
    ok(usable(0), "a few milliseconds are nothing");
}

static void keeps_to_a_budget(void)
{
    struct retry_budget budget = {.percent = 10, .least = 2};
    struct retry_budget none = {0};

    begin((struct breaker_conf){.consecutive = 1}, 2);
    ok(retry_budget_take(&budget, &group) && retry_budget_take(&budget, &group), "a few");
    ok(!retry_budget_take(&budget, &group), "no more");
    ok(retry_budget_take(&none, &group), "without a budget, any");
    for (int i = 0; i < 29; i++)
        retry_budget_note(&budget, &group);
    ok(!retry_budget_take(&budget, &group), "3 of 29 are too many");
    retry_budget_note(&budget, &group);
    ok(retry_budget_take(&budget, &group), "a share of the requests");
    ok(!retry_budget_take(&budget, &group), "no more");
    pass_time(10000);
    ok(retry_budget_take(&budget, &group), "what is long ago does not count");
}

int main(void)
{
    clock_fake(now_ms, now_ms);
    trips_on_a_row();
    trips_on_a_share();
    trips_when_slow();
    closes();
    opens_longer();
    a_probe_may_end_without_a_verdict();
    panics();
    finds_outliers();
    finds_slow_ones();
    keeps_to_a_budget();
    peer_detach();
    return tap_done();
}
