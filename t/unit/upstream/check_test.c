/*
 * t/unit/upstream/check_test.c - what results of health checks make of a peer.
 */
#include "common/clock.h"
#include "common/generation.h"
#include "t/unit/tap.h"
#include "worker/upstream/check.h"

static struct upstream_server server = {.weight = 1, .max_fails = 1, .fail_timeout_s = 10};
static struct upstream_conf conf;
static struct peer peers[1];
static struct zone_spec spec;
static struct upstream_group group;
static struct upstream_set set;
static struct health_check a, b;

static void attach(uint32_t generation)
{
    peers[0] = (struct peer){.name = STR_INIT("p"), .server = &server, .group = &group};
    set = (struct upstream_set){.first = &group, .groups = 1, .peers = 1};
    peer_detach();
    peer_attach(&set, generation);
}

/* A group under these checks, in a zone that knows nothing. */
static void make_group(void)
{
    const char *why;

    if (spec.zone != NULL)
        zone_destroy(spec.zone);
    spec.zone = zone_create(&peer_zone_kind, STR("z"), 64 * 1024, &why);
    must(spec.zone != NULL);
    group = (struct upstream_group){.name = STR("g"), .peers = peers, .conf = &conf,
                                    .primaries = 1, .zone = &spec};
    a = (struct health_check){.key = 1, .fails = 1, .passes = 1};
    b = (struct health_check){.key = 2, .fails = 1, .passes = 1};
    check_add(&group, &a);
}

static bool usable(void)
{
    return peer_usable(&peers[0], peer_state(&peers[0]), clock_mono_ms / 1000);
}

static enum check_news note(const struct health_check *check, bool passed)
{
    return check_note(check, &peers[0], passed, passed ? 200 : 500);
}

static void one_failure_will_do(void)
{
    const struct peer_health *health;

    make_group();
    attach(1);
    health = &peer_state(&peers[0])->health;
    ok(usable(), "who was never seen gets requests");
    is_int(note(&a, true), CHECK_AS_BEFORE, "that it is well is no news");
    is_int(note(&a, false), CHECK_TURNED_BAD, "a failure is");
    ok(!usable(), "it gets none");
    is_int(note(&a, false), CHECK_AS_BEFORE, "another says nothing new");
    is_int((int)health->unhealthy, 1, "it became ill once");
    ok(health->unhealthy_ms > 0 && !health->last_passed && health->last_status == 500,
       "and what was seen is on record");
    peer_state(&peers[0])->fails = 1;
    is_int(note(&a, true), CHECK_TURNED_GOOD, "well again");
    is_int(peer_state(&peers[0])->fails, 0, "failed requests are forgiven");
    ok(usable() && health->unhealthy_ms == 0, "it gets requests");
    is_int((int)health->checks, 4, "four checks");
    is_int((int)health->fails, 2, "two failures");
}

static void needs_several(void)
{
    make_group();
    a.fails = 3;
    a.passes = 2;
    attach(1);
    note(&a, false);
    note(&a, false);
    note(&a, true);
    note(&a, false);
    note(&a, false);
    ok(usable(), "failures count in a row");
    is_int(note(&a, false), CHECK_TURNED_BAD, "the third");
    note(&a, true);
    note(&a, false);
    note(&a, true);
    ok(!usable(), "and so do passes");
    is_int(note(&a, true), CHECK_TURNED_GOOD, "the second");
}

static void all_have_to_agree(void)
{
    make_group();
    check_add(&group, &b);
    attach(1);
    note(&a, false);
    note(&b, false);
    note(&a, true);
    ok(!usable(), "one of two checks fails");
    is_int((int)peer_state(&peers[0])->health.unhealthy, 1, "it became ill once");
    note(&b, true);
    ok(usable(), "none does");
}

static void mandatory(void)
{
    make_group();
    a.mandatory = true;
    a.fails = a.passes = 3;
    attach(1);
    ok(!usable(), "not before it was seen");
    is_int(note(&a, true), CHECK_TURNED_GOOD, "one check settles it");
    ok(usable(), "then it gets requests");
    attach(2);
    ok(!usable(), "a new generation wants to see for itself");
    note(&a, false);
    attach(3);
    ok(!usable(), "who is ill stays ill");
    note(&a, true);
    note(&a, true);
    note(&a, true);
    ok(usable(), "until it passes");
    a.persistent = true;
    attach(4);
    ok(usable(), "persistent: a new generation trusts the old one");
}

static void outlives_generations(void)
{
    make_group();
    attach(1);
    note(&a, false);
    attach(2);
    ok(!usable(), "ill in the next generation too");
    group.checks = NULL;
    ok(usable(), "without a check it counts for nothing");
    attach(3);
    is_int((int)atomic_load(&peer_state(&peers[0])->bars), 0, "and is forgotten");
    a.next = NULL;
    check_add(&group, &a);
    attach(4);
    ok(usable(), "for good");
    note(&a, false);
    group.checks = NULL;
    check_add(&group, &b);
    attach(5);
    ok(usable(), "another check knows nothing of it");
}

static void has_limits(void)
{
    static struct health_check many[CHECKS_MOST + 1];
    bool good = true;

    make_group();
    ok(check_add(&group, &(struct health_check){.key = 1}) && group.checks->next == NULL,
       "the same check twice is one");
    for (uint32_t i = 0; i < CHECKS_MOST; i++) {
        many[i].key = 10 + i;
        good &= check_add(&group, &many[i]) == (i + 1 < CHECKS_MOST);
    }
    ok(good, "there is a limit");
}

int main(void)
{
    clock_update();
    one_failure_will_do();
    needs_several();
    all_have_to_agree();
    mandatory();
    outlives_generations();
    has_limits();
    peer_detach();
    zone_destroy(spec.zone);
    return tap_done();
}
