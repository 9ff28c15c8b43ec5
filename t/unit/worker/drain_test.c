/*
 * t/unit/worker/drain_test.c - a worker ends at once, or after its connections, or when time is up.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "t/unit/tap.h"
#include "worker/net/conn.h"
#include "worker/orders.h"
#include "worker/worker.h"

static struct core_conf core;
static struct worker w;
static struct conn *client;
static int peer_fd;
static enum { NOT_TOLD, TOLD_ALONE, TOLD_SUCCESSOR } told;

static void end_client(struct conn *c)
{
    conn_close(c);
    conn_collect(c, sizeof(*c));
    client = NULL;
}

static void on_event(struct event *ev)
{
    if (ev->hangup)
        end_client(CONTAINER(ev, struct conn, ev));
}

static void on_drain(struct conn *c, bool successor)
{
    told = successor ? TOLD_SUCCESSOR : TOLD_ALONE;
}

static const struct conn_owner owner = {"toy", on_drain};

static void start(void)
{
    static void *confs[64];
    static struct conf_scope scope = {.conf = confs};
    static struct generation gen = {.main = &scope, .number = 1};
    static const struct child child = {.gen = &gen, .channel = -1};

    modules_number();
    must(core_module_index < COUNT(confs));
    confs[core_module_index] = &core;
    core = (struct core_conf){.shutdown_timeout_ms = 0};
    w = (struct worker){.gen = &gen};
    told = NOT_TOLD;
    clock_update();
    loop = &w.loop;
    if (loop_init(&w.loop, 16) != RC_OK)
        _exit(1);
    orders_init(&child, NULL);
    drain_init(&w.drain);
    drain_run(&w);
}

static void connect_client(void)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
        _exit(1);
    client = conn_alloc(sizeof(*client));
    if (conn_open(client, fds[0], &conn_plain, &owner, on_event) != RC_OK)
        _exit(1);
    peer_fd = fds[1];
}

static void finish(void)
{
    if (client != NULL)
        end_client(client);
    close(peer_fd);
    loop_turn(&w.loop, 0);
    loop_fini(&w.loop);
}

static void quitting_waits_for_nobody(void)
{
    start();
    connect_client();
    is_int(w.drain.state, DRAIN_SERVE, "it serves");
    drain_order(&w.drain, ORDER_QUIT, false);
    drain_run(&w);
    ok(w.loop.stop, "and is gone");
    is_int(told, NOT_TOLD, "connections are not asked");
    finish();
}

static void draining_waits_for_the_last(void)
{
    start();
    connect_client();
    drain_order(&w.drain, ORDER_DRAIN, true);
    drain_run(&w);
    ok(!w.loop.stop && w.draining, "a connection is open: not yet");
    is_int(told, TOLD_SUCCESSOR, "it knows that others serve");
    loop_turn(&w.loop, 0);
    drain_run(&w);
    ok(!w.loop.stop, "still not");
    end_client(client);
    drain_run(&w);
    ok(w.loop.stop, "now");
    finish();
}

static void quitting_overtakes_draining(void)
{
    start();
    connect_client();
    drain_order(&w.drain, ORDER_DRAIN, false);
    drain_run(&w);
    is_int(told, TOLD_ALONE, "told");
    drain_order(&w.drain, ORDER_QUIT, false);
    drain_order(&w.drain, ORDER_DRAIN, false);
    drain_run(&w);
    ok(w.loop.stop, "the stronger order holds");
    finish();
}

static void time_runs_out(void)
{
    start();
    connect_client();
    core.shutdown_timeout_ms = 20;
    drain_order(&w.drain, ORDER_DRAIN, false);
    for (drain_run(&w); !w.loop.stop; drain_run(&w))
        loop_turn(&w.loop, -1);
    ok(client == NULL, "the connection was cut and its machine came to its end");
    is_int(conn_stats.open, 0, "none is left");
    finish();
}

int main(void)
{
    process_log.level = 0;
    quitting_waits_for_nobody();
    draining_waits_for_the_last();
    quitting_overtakes_draining();
    time_runs_out();
    return tap_done();
}
