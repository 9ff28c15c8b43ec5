/*
 * t/unit/upstream/peer_time_test.c - times of answers: averaged, faded, and what they cost.
 */
#include "worker/upstream/peer_time.h"

#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"
#include "worker/upstream/lb_least_time.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

static const struct balancer by_head = {.name = "by head", .timing = TIMING_HEAD};
static struct upstream_server servers[2] = {{.weight = 1}, {.weight = 2}};
static struct upstream_conf conf;
static struct peer peers[2];
static struct upstream_group group = {.name = STR_INIT("g"), .peers = peers, .conf = &conf,
                                      .primaries = 2, .tries = 2, .balancer = &by_head};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 2};

static void forget(void)
{
    for (uint32_t i = 0; i < 2; i++)
        peers[i] = (struct peer){.name = STR("p"), .server = &servers[i], .group = &group,
                                 .id = i};
    peer_detach();
    peer_attach(&set, 1);
}

static int64_t time_of(int n)
{
    return peer_time_us(peer_state(&peers[n]), TIMING_HEAD, false);
}

static void averages(void)
{
    clock_fake(100000, 0);
    forget();
    is_int(time_of(0), 0, "unknown at first");
    peer_time_note(&peers[0], TIMING_HEAD, 80, false);
    is_int(time_of(0), 80000, "the first answer counts whole");
    peer_time_note(&peers[0], TIMING_HEAD, 160, false);
    is_int(time_of(0), 90000, "others by an eighth");
    peer_time_note(&peers[0], TIMING_HEAD, 10, false);
    is_int(time_of(0), 80000, "down as up");
    is_int(peer_time_us(peer_state(&peers[0]), TIMING_LAST_BYTE, false), 0,
           "the end of answers is another matter");
    peer_time_note(&peers[1], TIMING_HEAD, 0, false);
    is_int(time_of(1), 100, "what is too short to be seen is not nothing");
}

static void failures_count_when_slow(void)
{
    clock_fake(100000, 0);
    forget();
    peer_time_note(&peers[0], TIMING_HEAD, 500, true);
    is_int(time_of(0), 0, "a failure is no first answer");
    peer_time_note(&peers[0], TIMING_HEAD, 80, false);
    peer_time_note(&peers[0], TIMING_HEAD, 1, true);
    is_int(time_of(0), 80000, "a quick one is no praise");
    peer_time_note(&peers[0], TIMING_HEAD, 880, true);
    is_int(time_of(0), 180000, "a slow one counts");
}

static void fades(void)
{
    clock_fake(100000, 0);
    forget();
    peer_time_note(&peers[0], TIMING_HEAD, 80, false);
    clock_fake(100000 + PEER_TIME_HALF_S * 1000, 0);
    is_int(time_of(0), 40000, "half of it after a while");
    clock_fake(100000 + PEER_TIME_HALF_S * 1000 * 100, 0);
    is_int(time_of(0), 100, "nearly nothing in the end");
    peer_time_note(&peers[0], TIMING_HEAD, 80, false);
    ok(time_of(0) > 10000 && time_of(0) < 11000, "what it was counts as faded");
}

static void costs(void)
{
    clock_fake(100000, 0);
    forget();
    peer_time_note(&peers[0], TIMING_HEAD, 80, false);
    ok(least_time_cost(&peers[0], 1) == 2 * least_time_cost(&peers[1], 80000),
       "half the cost at twice the weight");
    peer_state(&peers[1])->conns = 1;
    ok(least_time_cost(&peers[0], 1) == least_time_cost(&peers[1], 80000),
       "twice the cost with a connection");
}

static void awaited_answers_count(void)
{
    struct peer_state *state;

    clock_fake(64000, 0);
    forget();
    state = peer_state(&peers[0]);
    state->pending = 2;
    state->since = 2 * (64000 / 64);
    is_int(peer_time_us(state, TIMING_HEAD, true), 0, "just asked");
    clock_fake(64000 + 640, 0);
    is_int(peer_time_us(state, TIMING_HEAD, true), 640000, "how long they have been awaited");
    is_int(peer_time_us(state, TIMING_HEAD, false), 0, "only when that is asked for");
    peer_time_note(&peers[0], TIMING_HEAD, 1000, false);
    is_int(peer_time_us(state, TIMING_HEAD, true), 1000000, "or the average, if that is worse");
    state->since = UINT32_MAX - 5;
    state->pending = 1;
    clock_fake(((int64_t)UINT32_MAX + 1 + 20) * 64, 0);
    state->timed_ms = clock_mono_ms;
    is_int(peer_time_us(state, TIMING_HEAD, true), 26 * 64000, "sums that ran over are right too");
}

int main(void)
{
    averages();
    failures_count_when_slow();
    fades();
    costs();
    awaited_answers_count();
    peer_detach();
    return tap_done();
}
