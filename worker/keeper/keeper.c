/*
 * worker/keeper/keeper.c - the jobs, and who does them.
 */
#include "worker/keeper/keeper.h"

#include "common/clock.h"
#include "common/core_conf.h"
#include "worker/event/timer.h"
#include "worker/keeper/health.h"
#include "worker/keeper/lease.h"
#include "worker/keeper/ocsp_refresh.h"
#include "worker/keeper/resolve_refresh.h"
#include "worker/upstream/group.h"

#define LEASE_BYTES ZONE_MIN_BYTES

static const struct keeper_job *const jobs[] = {
    &resolve_refresh_job,
    &health_job,
    &ocsp_refresh_job,
};

static uint32_t keeper_index;

/* Configuration -------------------------------------------------------------------------------- */

static const struct conf_node *who_wants(const struct generation *gen)
{
    for (size_t i = 0; i < COUNT(jobs); i++) {
        const struct conf_node *node = jobs[i]->wanted(gen);

        if (node != NULL)
            return node;
    }
    return NULL;
}

/* One may be started for changes at run time. */
static const struct conf_node *who_may_want(const struct generation *gen)
{
    const struct upstream_set *set = gen->upstreams;

    return set == NULL || core_conf(gen)->control_path.len == 0 ? NULL : set->first->node;
}

bool keeper_is_wanted(const struct generation *gen)
{
    return who_wants(gen) != NULL;
}

static bool load_done(struct generation *gen)
{
    const struct conf_node *node = who_wants(gen);
    const char *why;

    if (node == NULL)
        node = who_may_want(gen);
    if (node == NULL)
        return true;
    gen->keeper = generation_zone(gen, STR("weir:keeper"), LEASE_BYTES, &lease_zone_kind, node,
                                  &why);
    return gen->keeper != NULL || conf_fail_at(gen, node, "%s", why);
}

const struct module keeper_module = {
    .name = "keeper", .doc = "What happens once per machine.",
    .load_done = load_done,
    .index = &keeper_index,
};

/* The process ---------------------------------------------------------------------------------- */

static const struct generation *gen;
static struct zone *zone;
static struct timer renewal;
static bool acting;

static void set_acting(bool act)
{
    if (act == acting)
        return;
    acting = act;
    log_error(&process_log, LOG_INFO, 0, "keeper: %s", act ? "ours is the lease" : "others act");
    for (size_t i = 0; i < COUNT(jobs); i++) {
        if (jobs[i]->wanted(gen) == NULL && !jobs[i]->changes)
            continue;
        if (act)
            jobs[i]->start(gen);
        else
            jobs[i]->stop();
    }
}

static void on_renewal(struct timer *timer)
{
    set_acting(lease_take(zone, gen->number));
    timer_set(timer, LEASE_RENEW_MS);
}

void keeper_start(const struct generation *own)
{
    if (own->keeper == NULL)
        return;
    gen = own;
    zone = own->keeper->zone;
    renewal.on_timer = on_renewal;
    on_renewal(&renewal);
}

void keeper_stop(void)
{
    if (zone == NULL)
        return;
    timer_cancel(&renewal);
    set_acting(false);
    lease_leave(zone, gen->number);
    zone = NULL;
}

bool keeper_may_act(void)
{
    return acting && lease_is_ours(zone, gen->number);
}
