/*
 * worker/worker.c - the role "worker process".
 *
 * Without a master it is the keeper as well.
 */
#include "worker/worker.h"

#include <errno.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/core_conf.h"
#include "common/pool.h"
#include "common/slots.h"
#include "worker/heir.h"
#include "worker/keeper/keeper.h"
#include "worker/net/accept.h"
#include "worker/net/conn.h"
#include "worker/net/conn_count.h"
#include "worker/net/thread_pools.h"
#include "worker/orders.h"

#define BATCH       512             /* events taken per turn */
#define TRIM_MS     10000           /* after work, recycled memory above these goes back */
#define KEEP_BYTES  (1024 * 1024)
#define KEEP_BLOCKS 256

#define EXIT_CANNOT_SERVE 2         /* the master does not respawn at once */

static struct worker self;
static struct timer trim;

/* The process ---------------------------------------------------------------------------------- */

static void on_trim(struct timer *timer)
{
    buf_trim(KEEP_BYTES);
    pool_trim(KEEP_BLOCKS);
}

static enum rc start_modules(const struct child *child)
{
    for (size_t i = 0; modules[i] != NULL; i++)
        if (modules[i]->worker_start != NULL && modules[i]->worker_start(child) != RC_OK)
            return RC_ERROR;
    return RC_OK;
}

static void stop_modules(void)
{
    for (size_t i = module_count; i-- > 0;)
        if (modules[i]->worker_stop != NULL)
            modules[i]->worker_stop();
    thread_pools_stop();
}

static void on_order(enum drain_order order, bool successor)
{
    drain_order(&self.drain, order, successor);
}

static enum rc start(const struct child *child)
{
    const struct core_conf *core = core_conf(child->gen);

    clock_update();
    self = (struct worker){.gen = child->gen, .slot = child->slot, .respawned = child->respawned,
                           .slots = child->slots};
    if (core->error_log != NULL)
        log_set_process(core->error_log);
    self.log = process_log;
    drain_init(&self.drain);
    trim.on_timer = on_trim;
    orders_init(child, on_order);
    if (loop_init(&self.loop, BATCH) != RC_OK)
        return RC_ERROR;
    loop = &self.loop;
    conn_stats.limit = (uint32_t)core->connections;
    accept_multi(core->multi_accept);
    thread_pools_init(self.gen);
    conn_debug_peers(core->debug_connections);
    if (orders_listen() != RC_OK)
        return RC_ERROR;
    heir_enter(child);
    conn_count_init(self.slots);
    if (start_modules(child) != RC_OK)
        return RC_ERROR;
    if (!core->master_process)
        keeper_start(child->gen);
    return accept_start(self.gen, self.slot);
}

static void serve(void)
{
    struct drain *drain = &self.drain;

    for (drain_run(&self); !self.loop.stop; drain_run(&self)) {
        loop_turn(&self.loop, -1);
        conn_count_publish();
        if (self.loop.batch_count > 0 && !timer_is_set(&trim) && drain->state == DRAIN_SERVE)
            timer_set(&trim, TRIM_MS);
    }
}

static int run(const struct child *child)
{
    if (start(child) != RC_OK) {
        orders_tell(CHANNEL_FAILED, errno);
        return EXIT_CANNOT_SERVE;
    }
    orders_tell(CHANNEL_READY, 0);
    serve();
    keeper_stop();
    stop_modules();
    heir_leave(child);
    orders_tell(CHANNEL_DRAINED, 0);
    log_error(&process_log, LOG_NOTICE, 0, "exit");
    return 0;
}

static uint32_t wanted(const struct generation *gen)
{
    return gen->slots;
}

const struct role worker_role = {"worker process", wanted, run};
