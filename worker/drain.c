/*
 * worker/drain.c - the machine that takes a worker from serving to its end.
 *
 * Driven once per loop turn, for what it waits for (the last connection's end) is a count that any
 * turn may change.
 */
#include "worker/drain.h"

#include "common/core_conf.h"
#include "common/proctitle.h"
#include "worker/net/accept.h"
#include "worker/net/conn.h"
#include "worker/orders.h"
#include "worker/worker.h"

#define CUT_MS 1000 /* for machines to meet the end of their streams and log */

struct drain_step {
    const char *name;
    enum drain_state (*step)(struct worker *w);
    uint32_t leads_to;
    void (*enter)(struct worker *w);
};

static void on_late(struct timer *timer)
{
    CONTAINER(timer, struct drain, timer)->late = true;
}

void drain_init(struct drain *d)
{
    *d = (struct drain){.timer = {.on_timer = on_late}};
}

void drain_order(struct drain *d, enum drain_order order, bool successor)
{
    if (order <= d->order)
        return;
    d->order = order;
    d->successor = successor;
}

static bool is_idle(void)
{
    return conn_stats.open + conn_stats.background == 0;
}

/* Steps ---------------------------------------------------------------------------------------- */

static enum drain_state serve(struct worker *w)
{
    switch (w->drain.order) {
    case ORDER_DRAIN:
        return DRAIN_FINISH;
    case ORDER_QUIT:
        return DRAIN_DONE;
    case ORDER_NONE:
        break;
    }
    return DRAIN_SERVE;
}

static enum drain_state finish(struct worker *w)
{
    if (w->drain.order == ORDER_QUIT || is_idle())
        return DRAIN_DONE;
    return w->drain.late ? DRAIN_CUT : DRAIN_FINISH;
}

static enum drain_state cut(struct worker *w)
{
    if (w->drain.order == ORDER_QUIT || is_idle() || w->drain.late)
        return DRAIN_DONE;
    return DRAIN_CUT;
}

static enum drain_state done(struct worker *w)
{
    return DRAIN_DONE;
}

/* On the way in -------------------------------------------------------------------------------- */

static void stop_accepting(struct worker *w)
{
    int64_t bound_ms = core_conf(w->gen)->shutdown_timeout_ms;

    w->draining = true;
    log_error(&process_log, LOG_NOTICE, 0, "gracefully shutting down");
    proctitle_add(" is shutting down");
    accept_stop(w->drain.successor);
    orders_tell(CHANNEL_CLOSED, 0);
    if (bound_ms > 0)
        timer_set(&w->drain.timer, bound_ms);
    conn_drain_all(w->drain.successor);
}

static void cut_connections(struct worker *w)
{
    log_error(&process_log, LOG_NOTICE, 0, "worker_shutdown_timeout: closing %u connections",
              conn_stats.open);
    timer_set(&w->drain.timer, CUT_MS);
    conn_cut_all();
}

static void stop_loop(struct worker *w)
{
    log_error(&process_log, LOG_NOTICE, 0, "exiting");
    w->loop.stop = true;
}

static const struct drain_step steps[DRAIN_STATES] = {
    /*                name      step    may lead to                            on the way in */
    [DRAIN_SERVE]  = {"serve",  serve,  BIT(DRAIN_FINISH) | BIT(DRAIN_DONE), NULL},
    [DRAIN_FINISH] = {"finish", finish, BIT(DRAIN_CUT) | BIT(DRAIN_DONE),    stop_accepting},
    [DRAIN_CUT]    = {"cut",    cut,    BIT(DRAIN_DONE),                     cut_connections},
    [DRAIN_DONE]   = {"done",   done,   0,                                   stop_loop},
};

static void enter(struct worker *w, enum drain_state next)
{
    struct drain *d = &w->drain;

    must(steps[d->state].leads_to & BIT(next));
    log_debug(&process_log, "drain: %s -> %s", steps[d->state].name, steps[next].name);
    d->state = next;
    d->late = false;
    timer_cancel(&d->timer);
    if (steps[next].enter != NULL)
        steps[next].enter(w);
}

void drain_run(struct worker *w)
{
    enum drain_state next;

    while ((next = steps[w->drain.state].step(w)) != w->drain.state)
        enter(w, next);
}
