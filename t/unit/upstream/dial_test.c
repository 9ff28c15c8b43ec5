/*
 * t/unit/upstream/dial_test.c - getting to an origin: connect, reuse, refuse, time out, go on.
 */
#include "common/addr.h"
#include "t/unit/net/net_kit.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"
#include "worker/upstream/keepalive.h"

static struct upstream_server server = {.weight = 1, .max_fails = 1, .fail_timeout_s = 10};
static struct upstream_conf conf;
static struct peer peers[3];
static struct upstream_group group = {.name = STR_INIT("g"), .peers = peers, .conf = &conf,
                                      .balancer = &round_robin};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 3};
static struct dial_options options;
static struct pool *pool;
static struct log quiet;
static int listeners[3];
static int posted;

static void on_done(struct post *post)
{
    posted++;
}
static struct post done = {.run = on_done};

static int listen_at(struct addr *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const char *why;

    addr_parse(addr, STR("127.0.0.1"), 0, &why);
    if (bind(fd, &addr->sa, addr->len) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, &addr->sa, &addr->len) != 0)
        abort();
    return fd;
}

static void set_up(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        static const char names[] = "abc";

        listeners[i] = listen_at(&peers[i].addr);
        peers[i].name = (struct str){names + i, 1};
        peers[i].server = &server;
        peers[i].group = &group;
        peers[i].id = i;
    }
}

/* A group of the first `count` peers, as if nothing had ever happened to them. */
static struct dial *new_dial(uint32_t count)
{
    struct dial *d = pool_zalloc(pool, sizeof(*d));

    group.primaries = group.tries = count;
    group.single = count == 1;
    conf = (struct upstream_conf){.keepalive = 1, .keepalive_local = true, .keepalive_requests = 10,
                                  .keepalive_timeout_ms = 60000, .keepalive_time_ms = 60000};
    options = (struct dial_options){.retry = DIAL_ERROR | DIAL_TIMEOUT, .keepalive = true,
                                    .exchange.connect_timeout_ms = 1000,
                                    .exchange.place = &options};
    d->group = &group;
    d->options = &options;
    d->log = &quiet;
    d->pool = pool;
    d->done = &done;
    dial_init(d);
    return d;
}

static void forget(void)
{
    peer_detach();
    peer_attach(&set, 1);
}

static void run_until_settled(struct dial *d)
{
    posted = 0;
    for (int i = 0; i < 1000 && d->state != DIAL_READY && d->state != DIAL_FAIL; i++)
        loop_turn(loop, 5);
}

static void connects(void)
{
    struct dial *d = new_dial(1);

    forget();
    dial_start(d);
    is_int(d->state, DIAL_CONNECT, "connecting takes a while");
    run_until_settled(d);
    is_int(d->state, DIAL_READY, "then it is ready");
    ok(posted == 1, "and says so");
    is_slice(d->try->addr, "a", "the try names its peer");
    ok(!d->reused, "a new connection");
    dial_end(d, PEER_GOOD, true);
    is_int(peer_group_live(&group)->idle_count, 1, "kept");
}

static void reuses(void)
{
    struct dial *d = new_dial(1), *other = new_dial(1);
    struct exchange *x;

    dial_start(d);
    is_int(d->state, DIAL_READY, "an idle connection is ready at once");
    ok(d->reused, "reused");
    x = d->exchange;
    dial_start(other);
    is_int(other->state, DIAL_CONNECT, "the next one has to connect");
    run_until_settled(other);
    dial_end(d, PEER_GOOD, true);
    dial_end(other, PEER_GOOD, true);
    is_int(peer_group_live(&group)->idle_count, 1, "no more are kept than configured");
    d = new_dial(1);
    dial_start(d);
    ok(d->exchange != NULL && d->exchange != x, "the last one used is kept");
    dial_end(d, PEER_GOOD, true);
}

static void is_local(void)
{
    struct dial *d = new_dial(1);

    options.exchange.place = &peers;
    dial_start(d);
    is_int(d->state, DIAL_CONNECT, "a connection is not used from another place");
    dial_cancel(d);
    d = new_dial(1);
    options.exchange.place = &peers;
    conf.keepalive_local = false;
    dial_start(d);
    is_int(d->state, DIAL_READY, "unless that is allowed");
    dial_end(d, PEER_GOOD, false);
    is_int(peer_group_live(&group)->idle_count, 0, "one that is not to be kept is closed");
}

static void notices_the_dead(void)
{
    struct dial *d = new_dial(1);
    int fd;

    while ((fd = accept(listeners[0], NULL, NULL)) >= 0)
        close(fd);
    dial_start(d);
    run_until_settled(d);
    dial_end(d, PEER_GOOD, true);
    is_int(peer_group_live(&group)->idle_count, 1, "an idle connection");
    for (int i = 0; i < 1000 && peer_group_live(&group)->idle_count > 0; i++) {
        while ((fd = accept(listeners[0], NULL, NULL)) >= 0)
            close(fd);
        loop_turn(loop, 5);
    }
    is_int(peer_group_live(&group)->idle_count, 0, "goes when its origin closes it");
}

static void goes_on(void)
{
    struct dial *d = new_dial(3);

    forget();
    close(listeners[0]);
    close(listeners[1]);
    dial_start(d);
    run_until_settled(d);
    is_int(d->state, DIAL_READY, "the third answers");
    is_slice(d->peer->name, "c", "it is c");
    is_int(peer_state(&peers[0])->fails + peer_state(&peers[1])->fails, 2, "two failures noted");
    is_slice(d->tries->next->addr, "b", "three tries are on record");
    dial_next(d, DIAL_ERROR, true);
    is_int(d->state, DIAL_FAIL, "when that one fails too, nobody is left");
    is_int(d->fault, DIAL_NO_PEER, "and that is why");
}

static void obeys_limits(void)
{
    struct dial *d = new_dial(3);

    forget();
    options.tries = 2;
    dial_start(d);
    run_until_settled(d);
    is_int(d->state, DIAL_FAIL, "two tries at most");
    is_int(d->fault, DIAL_ERROR, "the last fault is told");
    d = new_dial(3);
    forget();
    options.retry = 0;
    dial_start(d);
    run_until_settled(d);
    is_int(d->state, DIAL_FAIL, "no retry at all");
    ok(d->tries->next == NULL, "one try on record");
}

static void again_is_the_same_peer(void)
{
    struct dial *d = new_dial(3);

    forget();
    close(listeners[2]);
    set_up();
    dial_start(d);
    run_until_settled(d);
    is_slice(d->peer->name, "a", "a first");
    dial_again(d);
    run_until_settled(d);
    is_slice(d->peer->name, "a", "a again");
    ok(!d->reused, "over a new connection");
    is_int(peer_state(&peers[0])->fails, 0, "nothing is held against it");
    dial_cancel(d);
}

int main(void)
{
    kit_start();
    pool = pool_create(POOL_BLOCK);
    set_up();
    connects();
    reuses();
    is_local();
    notices_the_dead();
    goes_on();
    obeys_limits();
    again_is_the_same_peer();
    peer_detach();
    loop_turn(loop, 0);
    is_int(conn_stats.open, 0, "no connection is left");
    pool_destroy(pool);
    return tap_done();
}
