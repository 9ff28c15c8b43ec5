/*
 * t/unit/upstream/moving_test.c - names in the zone, and the versions of a group that come of them.
 */
#include "worker/upstream/moving.h"

#include "common/generation.h"
#include "t/unit/net/net_kit.h"
#include "t/unit/stepped.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"
#include "worker/upstream/keepalive.h"

static struct upstream_server servers[] = {
    {.text = STR_INIT("a.test:80"), .lookup = STR_INIT("a.test"), .port = 80, .resolve = true,
     .weight = 1, .max_fails = 1, .fail_timeout_s = 10},
    {.text = STR_INIT("10.9.9.9:80"), .weight = 1, .max_fails = 1, .fail_timeout_s = 10},
};
static struct upstream_conf conf = {.keepalive = 4, .keepalive_requests = 10,
                                    .keepalive_timeout_ms = 60000, .keepalive_time_ms = 60000};
static struct peer fixed = {.name = STR_INIT("10.9.9.9:80"), .server = &servers[1]};
static struct zone_spec spec;
static struct upstream_group group = {
    .name = STR_INIT("g"), .peers = &fixed, .conf = &conf, .primaries = 1, .tries = 1,
    .balancer = &round_robin, .zone = &spec, .moves = true,
};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 1, .moves = true};

static void attach(void)
{
    peer_detach();
    peer_attach(&set, 1);
}

static struct resolved_addr at(uint8_t n)
{
    return (struct resolved_addr){.family = AF_INET, .bytes = {10, 0, 0, n}};
}

static enum rc has(uint32_t count, const uint8_t *numbers)
{
    struct resolved_addr addrs[8];

    for (uint32_t i = 0; i < count; i++)
        addrs[i] = at(numbers[i]);
    return moving_store(&group, &servers[0], addrs, count);
}

#define HAS(...) has(sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

/* "10.0.0.1:80 10.9.9.9:80": its peers in order. */
static struct str peers_of(const struct upstream_group *v, struct pool *pool)
{
    struct str text = STR("");

    for (uint32_t i = 0; i < v->primaries + v->backups; i++)
        text = pool_printf(pool, "%" STR_FMT "%s%s%" STR_FMT, STR_ARG(text), i > 0 ? " " : "",
                           i == v->primaries ? "| " : "", STR_ARG(v->peers[i].name));
    return text;
}

static void now(const char *want, const char *what)
{
    struct pool *pool = pool_create(1024);
    struct str text = peers_of(moving_hold(&group, pool), pool);

    is_slice(text, want, what);
    pool_destroy(pool);
}

static void follows_its_names(void)
{
    struct pool *pool = pool_create(1024);
    const struct upstream_group *old = moving_hold(&group, pool);

    ok(old->unasked, "at first nobody has asked");
    now("10.9.9.9:80", "what is fixed is there all the same");
    is_int(HAS(2, 1), RC_OK, "two addresses: news");
    ok(!moving_is_current(old), "there is another version");
    now("10.0.0.1:80 10.0.0.2:80 10.9.9.9:80", "with both");
    is_int(HAS(1, 2), RC_AGAIN, "in another order: no news");
    is_slice(peers_of(old, pool), "10.9.9.9:80", "who dials an old version keeps it");
    is_int(HAS(2), RC_OK, "one is gone");
    now("10.0.0.2:80 10.9.9.9:80", "and gone");
    is_int(has(0, NULL), RC_OK, "all are gone");
    now("10.9.9.9:80", "the fixed one stays");
    is_int(has(0, NULL), RC_AGAIN, "still no news");
    pool_destroy(pool);
}

static void failure_ends_the_wait(void)
{
    struct pool *pool = pool_create(1024);

    ok(moving_hold(&group, pool)->unasked, "nobody has asked");
    moving_store_failure(&group, &servers[0]);
    ok(!moving_hold(&group, pool)->unasked, "asked in vain is asked too");
    is_int(HAS(1), RC_OK, "then there is an answer");
    moving_store_failure(&group, &servers[0]);
    now("10.0.0.1:80 10.9.9.9:80", "that a failure does not take away");
    pool_destroy(pool);
}

static void peers_that_stay_keep_their_state(void)
{
    struct pool *pool = pool_create(1024);
    const struct upstream_group *v;
    const struct peer *one;
    struct peer_state *state;

    HAS(1, 2);
    v = moving_hold(&group, pool);
    one = &v->peers[0];
    state = peer_state(one);
    peer_result(one, PEER_FAILED, NULL, &process_log);
    is_int(state->fails, 1, "a failure is noted");
    HAS(1, 3);
    v = moving_hold(&group, pool);
    ok(peer_state(&v->peers[0]) == state, "the same peer, the same record");
    ok(moving_same(one) == &v->peers[0], "and it is found again");
    is_int(peer_state(&v->peers[1])->fails, 0, "a new one has none");
    HAS(3);
    v = moving_hold(&group, pool);
    ok(moving_same(one) == NULL, "one that is gone is not");
    ok(state->gone_s > 0, "its record may go to others later");
    HAS(1, 3);
    v = moving_hold(&group, pool);
    ok(peer_state(&v->peers[0]) == state && state->gone_s == 0, "unless it comes back before");
    pool_destroy(pool);
}

static void idle_connections_move_along(void)
{
    struct pool *pool = pool_create(1024);
    struct exchange *x[2];
    const struct upstream_group *v;

    HAS(1, 2);
    v = moving_hold(&group, pool);
    for (int i = 0; i < 2; i++) {
        int fds[2];

        kit_pair(fds);
        x[i] = conn_alloc(sizeof(*x[i]));
        if (conn_open(&x[i]->conn, fds[0], &conn_plain, &(struct conn_owner){"toy", NULL}, NULL))
            abort();
        x[i]->conn.post.run = keepalive_check;
        x[i]->conn.log = process_log;
        x[i]->opened_ms = clock_mono_ms;
        x[i]->peer = &v->peers[i];
        keepalive_put(x[i]);
    }
    is_int(peer_group_live(&group)->idle_count, 2, "two idle connections");
    HAS(2, 3);
    v = moving_hold(&group, pool);
    is_int(peer_group_live(&group)->idle_count, 1, "that of a peer that is gone is closed");
    ok(keepalive_take(&v->peers[0], NULL, NULL, STR(""), NULL, 0) == x[1],
       "the other one is still its peer's");
    HAS(3);
    keepalive_put(x[1]);
    moving_hold(&group, pool);
    is_int(peer_group_live(&group)->idle_count, 0, "one that comes back to a peer that is gone");
    pool_destroy(pool);
}

static void services_have_priorities(void)
{
    struct resolved_addr addrs[] = {at(1), at(2), at(3), at(4)};
    struct pool *pool = pool_create(1024);
    const struct upstream_group *v;

    servers[0].port = 0;
    for (uint16_t i = 0; i < 4; i++) {
        addrs[i].port = (uint16_t)(8001 + i);
        addrs[i].priority = i < 2 ? 10 : (uint16_t)(20 + i);
        addrs[i].weight = i == 1 ? 7 : 0;
    }
    moving_store(&group, &servers[0], addrs, 4);
    now("10.0.0.1:8001 10.0.0.2:8002 10.9.9.9:80 | 10.0.0.3:8003 10.0.0.4:8004",
        "the best are servers, the others backups");
    v = moving_hold(&group, pool);
    is_int(v->peers[0].server->weight, 1, "no weight is 1");
    is_int(v->peers[1].server->weight, 7, "or what the record says");
    servers[0].weight = 3;
    addrs[3].weight = 9;
    moving_store(&group, &servers[0], addrs, 4);
    v = moving_hold(&group, pool);
    is_int(v->peers[1].server->weight, 3, "unless the server's line says another");
    servers[0].weight = 1;
    servers[0].backup = true;
    moving_store(&group, &servers[0], addrs, 4);
    now("10.9.9.9:80 | 10.0.0.1:8001 10.0.0.2:8002", "of a backup's service the best");
    servers[0].backup = false;
    servers[0].port = 80;
    pool_destroy(pool);
}

static void many_do_no_harm(void)
{
    static struct resolved_addr addrs[FOUND_MOST + 10];
    struct pool *pool = pool_create(1024);
    const struct upstream_group *v;

    for (uint32_t i = 0; i < COUNT(addrs); i++)
        addrs[i] = (struct resolved_addr){.family = AF_INET6,
                                          .bytes = {0xfd, [14] = (uint8_t)(i >> 8),
                                                    [15] = (uint8_t)i}};
    is_int(moving_store(&group, &servers[0], addrs, COUNT(addrs)), RC_OK, "too many addresses");
    v = moving_hold(&group, pool);
    is_int(v->primaries, FOUND_MOST + 1, "as many as may be are used");
    for (int round = 0; round < 2000; round++) {
        addrs[0].bytes[1] = (uint8_t)round;
        addrs[1].bytes[2] = (uint8_t)(round >> 8);
        moving_store(&group, &servers[0], addrs, FOUND_MOST - 1 - (uint32_t)round % 7);
    }
    v = moving_hold(&group, pool);
    ok(v->primaries > 200, "blocks are given back");
    pool_destroy(pool);
}

static void store_two(void *arg)
{
    HAS(1, 2);
}

/* At whatever instruction the keeper is killed, the zone has the old addresses or the new. */
static void dies_anywhere(void)
{
    long steps, bad = 0, tried = 0;

    HAS(7);
    steps = stepped_count(store_two, NULL);
    if (steps == 0) {
        ok(true, "# skip no tracing here");
        return;
    }
    for (long n = 1; n < steps; n += MAX(steps / 41, 1)) {
        struct pool *pool = pool_create(1024);
        const struct upstream_group *v;

        HAS(7);
        stepped_kill_at(store_two, NULL, n);
        v = moving_hold(&group, pool);
        tried++;
        bad += v->primaries != 2 && v->primaries != 3;
        bad += HAS(5) != RC_OK;
        v = moving_hold(&group, pool);
        bad += v->primaries != 2;
        pool_destroy(pool);
    }
    printf("# killed at %ld of %ld instructions\n", tried, steps);
    is_int(bad, 0, "old or new, and it goes on");
}

static void afresh(void)
{
    const char *why;

    peer_detach();
    if (spec.zone != NULL)
        zone_destroy(spec.zone);
    spec.zone = zone_create(&peer_zone_kind, STR("z"), 256 * 1024, &why);
    must(spec.zone != NULL);
    attach();
}

int main(void)
{
    static void (*const tests[])(void) = {
        follows_its_names, failure_ends_the_wait, peers_that_stay_keep_their_state,
        idle_connections_move_along, services_have_priorities, many_do_no_harm, dies_anywhere,
    };

    kit_start();
    fixed.group = &group;
    group.servers = (struct array){.items = servers, .count = COUNT(servers),
                                   .item_bytes = sizeof(servers[0])};
    for (size_t i = 0; i < COUNT(tests); i++) {
        afresh();
        tests[i]();
    }
    peer_detach();
    zone_destroy(spec.zone);
    return tap_done();
}
