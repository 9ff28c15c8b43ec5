/*
 * t/unit/upstream/peer_zone_test.c - the state of peers is found again, whoever looks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/booking.h"
#include "common/clock.h"
#include "common/generation.h"
#include "t/unit/tap.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/dial.h"

static struct upstream_server server = {.weight = 2, .max_fails = 3, .fail_timeout_s = 10};
static struct upstream_conf conf;
static struct breaker_conf rules;
static struct peer peers[2];
static struct zone_spec spec;
static struct upstream_group group = {
    .name = STR_INIT("g"), .peers = peers, .conf = &conf, .primaries = 2, .tries = 2,
    .balancer = &round_robin, .zone = &spec, .counted = true, .breaker = &rules,
};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 2};
static struct log quiet;

#define MANY 1000

static void attach(uint32_t generation)
{
    peer_detach();
    peer_attach(&set, generation);
}

static void is_kept_over_generations(void)
{
    struct peer_state *state;

    attach(1);
    state = peer_state(&peers[0]);
    is_int(state->effective_weight, 2, "a new peer has its weight");
    peer_result(&peers[0], PEER_FAILED, NULL, &quiet);
    attach(2);
    ok(peer_state(&peers[0]) == state, "the same record in the next generation");
    is_int(state->fails, 1, "with its failures");
    server.weight = 7;
    attach(3);
    is_int(state->effective_weight, 7, "a new weight takes effect");
    is_int(state->fails, 1, "and forgives nothing");
    ok(peer_state(&peers[1]) != state, "another peer has another");
}

static void is_barred(void)
{
    struct peer_state *state;
    int64_t now_s = clock_mono_ms / 1000;

    attach(3);
    state = peer_state(&peers[1]);
    atomic_store(&peer_history(&peers[1])->open_until_ms, INT64_MAX);
    ok(peer_usable(&peers[1], state, now_s), "no bar at first");
    peer_bar(&group, state, BAR_UNHEALTHY, true);
    peer_bar(&group, state, BAR_BREAKER, true);
    attach(4);
    ok(!peer_usable(&peers[1], state, now_s), "bars stay over generations");
    peer_bar(&group, state, BAR_UNHEALTHY, false);
    ok(!peer_usable(&peers[1], state, now_s), "each alone is enough");
    is_int(state->well_ms, 0, "not well yet");
    peer_bar(&group, state, BAR_BREAKER, false);
    ok(peer_usable(&peers[1], state, now_s), "without any it may be tried");
    is_int(state->well_ms, clock_mono_ms, "well from now on");
}

static void is_shared_by_processes(void)
{
    pid_t pid;

    attach(4);
    pid = fork();
    if (pid == 0) {
        peer_result(&peers[1], PEER_FAILED, NULL, &quiet);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    is_int(peer_state(&peers[1])->fails, 1, "what one worker saw all know");
}

/* Dies under the lock; the count of connections is made anew from the bookings. */
static void survives_a_death(void)
{
    struct booking *booking;
    pid_t pid;

    attach(5);
    peer_lock(&group);
    peer_chosen(&peers[0], 0, &booking);
    peer_unlock(&group);
    ok(booking != NULL, "a connection is booked");
    is_int(peer_state(&peers[0])->conns, 1, "and counted");
    pid = fork();
    if (pid == 0) {
        zone_lock(spec.zone);
        peer_state(&peers[0])->conns = 77;
        _exit(1);
    }
    waitpid(pid, NULL, 0);
    peer_lock(&group);
    is_int(peer_state(&peers[0])->conns, 1, "after a death under the lock the count is right");
    is_int(peer_state(&peers[0])->fails, 1, "and what was known stays known");
    peer_unlock(&group);
    peer_result(&peers[0], PEER_UNJUDGED, booking, &quiet);
    is_int(peer_state(&peers[0])->conns, 0, "given back");
}

static void full_zones_do_no_harm(void)
{
    char names[MANY][8];
    struct peer *many = calloc(MANY, sizeof(*many));
    uint32_t own = 0;

    group.primaries = set.peers = MANY;
    group.peers = many;
    for (uint32_t i = 0; i < MANY; i++) {
        int n = snprintf(names[i], sizeof(names[i]), "p%u", i);

        many[i] = (struct peer){.name = {names[i], (size_t)n}, .server = &server, .group = &group,
                                .id = i};
    }
    log_attach(&process_log, NULL);
    attach(6);
    for (uint32_t i = 0; i < MANY; i++)
        own += zone_offset(spec.zone, peer_state(&many[i])) >= spec.zone->bytes;
    ok(own > 0, "peers without room have a state of their own");
    ok(own < MANY, "others share theirs");
    attach(40);
    own = 0;
    for (uint32_t i = 0; i < MANY; i++)
        own += zone_offset(spec.zone, peer_state(&many[i])) >= spec.zone->bytes;
    ok(own < MANY, "and later generations too");
    peer_detach();
    free(many);
}

int main(void)
{
    static struct slots slots;
    const char *why;

    clock_fake(1000000, 0);
    spec.zone = zone_create(&peer_zone_kind, STR("test"), ZONE_MIN_BYTES, &why);
    ok(spec.zone != NULL, "a zone");
    ok(slots_create(&slots, 4, 16), "a table of slots");
    slots_enter(&slots, slots_assign(&slots, 0, 1), NULL, NULL);
    spec.zone->slots = &slots;
    for (uint32_t i = 0; i < 2; i++)
        peers[i] = (struct peer){.name = i == 0 ? STR("a") : STR("b"), .server = &server,
                                 .group = &group, .id = i};
    is_kept_over_generations();
    is_barred();
    is_shared_by_processes();
    survives_a_death();
    full_zones_do_no_harm();
    slots_leave(&slots);
    slots_close(&slots);
    zone_destroy(spec.zone);
    return tap_done();
}
