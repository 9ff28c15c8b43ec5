/*
 * t/unit/keeper/lease_test.c - who of several keepers has the lease.
 */
#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/keeper/lease.h"

static struct zone *zone;

static void newest_wins(void)
{
    ok(lease_take(zone, 3), "free: the first has it");
    ok(lease_take(zone, 3), "and keeps it");
    ok(lease_take(zone, 4), "a newer generation takes it");
    ok(!lease_is_ours(zone, 3), "the older one knows at once");
    ok(!lease_take(zone, 3), "and does not get it back");
    ok(lease_is_ours(zone, 4), "the newer one has it");
    lease_leave(zone, 3);
    ok(lease_is_ours(zone, 4), "only its holder can give it up");
}

static void comes_back(void)
{
    lease_leave(zone, 4);
    ok(lease_take(zone, 3), "given up, the older one has it again");
    ok(lease_take(zone, 4), "taken");
    clock_mono_ms += LEASE_VOID_MS;
    ok(!lease_take(zone, 3), "a holder may be slow");
    clock_mono_ms += 1;
    ok(lease_take(zone, 3), "one that is too slow is dead");
    ok(lease_take(zone, 4), "if it is not, it takes it back");
}

int main(void)
{
    const char *why;

    clock_update();
    zone = zone_create(&lease_zone_kind, STR("k"), ZONE_MIN_BYTES, &why);
    must(zone != NULL);
    newest_wins();
    comes_back();
    zone_destroy(zone);
    return tap_done();
}
