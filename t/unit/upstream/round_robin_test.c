/*
 * t/unit/upstream/round_robin_test.c - which peer is next: by weight, after failures, backups last.
 */
#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

#define MOST 8

static struct upstream_server servers[MOST];
static struct peer peers[MOST];
static struct upstream_conf conf;
static struct upstream_group group;
static struct upstream_set set;
static struct pool *pool;
static struct log quiet;

/* Peers named a, b, c ... with these weights; `backups` of them at the end. */
static void make_group(const int *weights, uint32_t count, uint32_t backups)
{
    memset(servers, 0, sizeof(servers));
    group = (struct upstream_group){.name = STR("g"), .peers = peers, .conf = &conf,
                                    .primaries = count - backups, .backups = backups,
                                    .tries = count, .balancer = &round_robin,
                                    .single = count == 1};
    for (uint32_t i = 0; i < count; i++) {
        static const char names[] = "abcdefgh";

        servers[i] = (struct upstream_server){.weight = weights[i], .max_fails = 1,
                                              .fail_timeout_s = 10,
                                              .backup = i >= count - backups};
        peers[i] = (struct peer){.name = {names + i, 1}, .server = &servers[i], .group = &group,
                                 .id = i};
    }
    set = (struct upstream_set){.first = &group, .groups = 1, .peers = count};
    peer_detach();
    peer_attach(&set, 1);
}

/* The next peer for a dial; marks it as tried. */
static const struct peer *pick(struct dial *d)
{
    struct booking *booking;
    const struct peer *peer = round_robin.pick(d);

    if (peer == NULL)
        return NULL;
    peer_chosen(peer, clock_mono_ms / 1000, &booking);
    d->tried[0] |= UINT64_C(1) << (peer - peers);
    return peer;
}

static char ask(enum peer_result result)
{
    struct dial d = {.group = &group, .pool = pool};
    const struct peer *peer = pick(&d);

    if (peer == NULL)
        return '-';
    peer_result(peer, result, NULL, &quiet);
    return peer->name.data[0];
}

static struct str sequence(uint32_t n)
{
    char *text = pool_bytes(pool, n);

    for (uint32_t i = 0; i < n; i++)
        text[i] = ask(PEER_GOOD);
    return (struct str){text, n};
}

static void spreads_by_weight(void)
{
    make_group((int[]){1, 1, 1}, 3, 0);
    is_slice(sequence(7), "abcabca", "equal weights: in turn");
    make_group((int[]){5, 1, 1}, 3, 0);
    is_slice(sequence(14), "aabacaaaabacaa", "5 1 1: smoothly");
    make_group((int[]){4, 2, 3}, 3, 0);
    is_slice(sequence(9), "acbacabca", "4 2 3");
    make_group((int[]){1}, 1, 0);
    is_slice(sequence(3), "aaa", "one");
}

static void leaves_failed_ones_alone(void)
{
    clock_fake(100000, 0);
    make_group((int[]){1, 1}, 2, 0);
    is_int(ask(PEER_FAILED), 'a', "a fails");
    is_slice(sequence(4), "bbbb", "then b has all");
    clock_fake(111000, 0);
    ok(str_search(sequence(4), STR("a")) >= 0, "a is tried after fail_timeout");
    is_int(peer_state(&peers[0])->fails, 0, "and forgiven");
    servers[0].max_fails = 0;
    for (int i = 0; i < 6; i++)
        ask(PEER_FAILED);
    is_int(peer_state(&peers[0])->fails >= 3, 1, "max_fails=0: failures are counted");
    ok(str_search(sequence(4), STR("a")) >= 0 || peer_state(&peers[1])->fails > 0,
       "but nobody minds");
}

static void a_probe_is_one_request(void)
{
    clock_fake(200000, 0);
    make_group((int[]){1, 1}, 2, 0);
    ask(PEER_FAILED);
    clock_fake(211000, 0);
    while (ask(PEER_UNJUDGED) != 'a')
        continue;
    is_slice(sequence(3), "bbb", "while its answer is awaited the others are asked");
}

static void wins_its_weight_back(void)
{
    clock_fake(300000, 0);
    make_group((int[]){4, 1}, 2, 0);
    servers[0].max_fails = 2;
    is_int(ask(PEER_FAILED), 'a', "a fails once of two");
    is_int(peer_state(&peers[0])->effective_weight, 2, "and loses half its weight");
    ask(PEER_GOOD);
    ask(PEER_GOOD);
    is_int(peer_state(&peers[0])->effective_weight, 4, "it wins it back step by step");
}

static uint32_t count_of(char name, struct str seen)
{
    uint32_t count = 0;

    for (size_t i = 0; i < seen.len; i++)
        count += seen.data[i] == name;
    return count;
}

static void starts_slowly(void)
{
    clock_fake(500000, 0);
    make_group((int[]){1, 3}, 2, 0);
    servers[0].slow_start_ms = 10000;
    servers[0].max_fails = 1;
    is_int(count_of('a', sequence(40)), 10, "who was never ill has its weight");
    is_int(ask(PEER_FAILED), 'b', "b fails");
    is_int(ask(PEER_FAILED), 'a', "a fails");
    clock_fake(511000, 0);
    peer_state(&peers[1])->fails = 0;
    while (ask(PEER_GOOD) != 'a')
        continue;
    is_int(peer_weight(&peers[0], peer_state(&peers[0])), 0, "forgiven, it weighs nothing");
    ok(count_of('a', sequence(1000)) <= 1, "and gets nothing but what it had coming");
    clock_fake(516000, 0);
    is_int(peer_weight(&peers[0], peer_state(&peers[0])), SHARE_FULL / 2, "half of the time: half");
    is_int(count_of('a', sequence(700)), 100, "of the weight");
    clock_fake(521000, 0);
    is_int(count_of('a', sequence(400)), 100, "then all of it");
    peer_bar(&group, peer_state(&peers[0]), BAR_BREAKER, true);
    is_int(count_of('a', sequence(40)), 0, "barred");
    peer_bar(&group, peer_state(&peers[0]), BAR_BREAKER, false);
    is_int(count_of('a', sequence(40)), 0, "a bar that falls is a beginning too");
    clock_fake(541000, 0);
    is_int(count_of('a', sequence(41)), 10, "and is over");
    peer_bar(&group, peer_state(&peers[0]), BAR_BREAKER, true);
    peer_state(&peers[1])->current_weight = -7 * SHARE_FULL; /* it was in the middle of a round */
    peer_bar(&group, peer_state(&peers[0]), BAR_BREAKER, false);
    is_int(count_of('a', sequence(40)), 0, "what others owe is not claimed");
    peer_bar(&group, peer_state(&peers[1]), BAR_BREAKER, true);
    is_slice(sequence(3), "aaa", "nobody else: it gets all");
}

static void backups_come_last(void)
{
    struct dial d = {.group = &group};

    clock_fake(400000, 0);
    make_group((int[]){1, 1, 1}, 3, 1);
    is_slice(sequence(4), "abab", "no backup while others live");
    d.pool = pool;
    is_slice(pick(&d)->name, "a", "one request: first a");
    is_slice(pick(&d)->name, "b", "then b");
    is_slice(pick(&d)->name, "c", "then the backup");
    ok(pick(&d) == NULL, "then nobody");
    servers[0].down = servers[1].down = true;
    is_slice(sequence(2), "cc", "down: the backup");
}

static void respects_max_conns(void)
{
    struct dial one = {.group = &group}, two = {.group = &group}, three = {.group = &group};

    make_group((int[]){1, 1}, 2, 0);
    group.counted = true;
    servers[0].max_conns = servers[1].max_conns = 1;
    is_slice(pick(&one)->name, "a", "the first");
    is_slice(pick(&two)->name, "b", "the second");
    ok(pick(&three) == NULL, "no third");
    peer_result(&peers[0], PEER_GOOD, NULL, &quiet);
    is_slice(pick(&three)->name, "a", "a place is free again");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    spreads_by_weight();
    leaves_failed_ones_alone();
    a_probe_is_one_request();
    wins_its_weight_back();
    starts_slowly();
    backups_come_last();
    respects_max_conns();
    peer_detach();
    pool_destroy(pool);
    return tap_done();
}
