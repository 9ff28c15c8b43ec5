/*
 * worker/keeper/lease.c - the lease of the keeper.
 */
#include "worker/keeper/lease.h"

#include "common/clock.h"

struct lease {
    _Atomic uint32_t generation; /* 0: free */
    int64_t renewed_ms;          /* of the machine's monotonic clock */
};

static bool init_zone(struct zone *z)
{
    struct lease *lease = zone_alloc(z, sizeof(*lease));

    if (lease == NULL)
        return false;
    *lease = (struct lease){0};
    zone_set_root(z, zone_offset(z, lease));
    return true;
}

/* Whatever was half done: at worst the lease is void and is taken again. */
static bool repair_zone(struct zone *z)
{
    return zone_root(z) != NULL;
}

const struct zone_kind lease_zone_kind = {
    .name = "keeper", .layout_version = 1, .init = init_zone, .repair = repair_zone,
};

bool lease_take(struct zone *z, uint32_t generation)
{
    struct lease *lease;
    bool ours;

    zone_lock(z);
    lease = zone_root(z);
    ours = lease->generation <= generation ||
           clock_mono_ms - lease->renewed_ms > LEASE_VOID_MS;
    if (ours) {
        lease->renewed_ms = clock_mono_ms;
        lease->generation = generation;
    }
    zone_unlock(z);
    return ours;
}

bool lease_is_ours(const struct zone *z, uint32_t generation)
{
    const struct lease *lease = zone_root(z);

    return lease->generation == generation;
}

void lease_leave(struct zone *z, uint32_t generation)
{
    struct lease *lease;

    zone_lock(z);
    lease = zone_root(z);
    if (lease->generation == generation)
        lease->generation = 0;
    zone_unlock(z);
}
