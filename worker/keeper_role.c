/*
 * worker/keeper_role.c - the role "keeper": the process around what happens once per machine.
 *
 * It has nothing that would have to be finished: any order to end is obeyed at once.
 */
#include "worker/keeper_role.h"

#include <errno.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "worker/event/loop.h"
#include "worker/heir.h"
#include "worker/keeper/control.h"
#include "worker/keeper/keeper.h"
#include "worker/net/resolver.h"
#include "worker/orders.h"

#define BATCH             64
#define EXIT_CANNOT_SERVE 2 /* the master does not respawn at once */

static struct loop own_loop;

static void on_order(enum drain_order order, bool successor)
{
    own_loop.stop = true;
}

static enum rc start(const struct child *child)
{
    const struct core_conf *core = core_conf(child->gen);

    clock_update();
    if (core->error_log != NULL)
        log_set_process(core->error_log);
    orders_init(child, on_order);
    orders_on_control(control_take);
    if (loop_init(&own_loop, BATCH) != RC_OK)
        return RC_ERROR;
    loop = &own_loop;
    if (orders_listen() != RC_OK)
        return RC_ERROR;
    heir_enter(child);
    control_start(child->gen);
    keeper_start(child->gen);
    return RC_OK;
}

static int run(const struct child *child)
{
    if (start(child) != RC_OK) {
        orders_tell(CHANNEL_FAILED, errno);
        return EXIT_CANNOT_SERVE;
    }
    orders_tell(CHANNEL_READY, 0);
    loop_run(&own_loop);
    keeper_stop();
    control_stop();
    resolver_stop();
    heir_leave(child);
    orders_tell(CHANNEL_DRAINED, 0);
    log_error(&process_log, LOG_NOTICE, 0, "exit");
    return 0;
}

static uint32_t wanted(const struct generation *gen)
{
    return keeper_is_wanted(gen);
}

const struct role keeper_role = {
    .name = "keeper", .wanted = wanted, .run = run, .takes_control = true,
};
