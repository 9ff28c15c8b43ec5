/*
 * t/unit/upstream/shared_test.c - connections that several dials use, or wait for, at once.
 */
#include "common/addr.h"
#include "t/unit/net/net_kit.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/shared.h"

#define ROOM 3 /* parts of a connection */

static struct upstream_server server = {.weight = 1, .max_fails = 0, .fail_timeout_s = 10};
static struct upstream_conf conf;
static struct peer peer;
static struct upstream_group group = {.name = STR_INIT("g"), .peers = &peer, .conf = &conf,
                                      .primaries = 1, .tries = 1, .single = true,
                                      .balancer = &round_robin};
static struct upstream_set set = {.first = &group, .groups = 1, .peers = 1};
static struct pool *pool;
static struct log quiet;
static int listener;

/* A protocol that only counts ------------------------------------------------------------------ */

struct toy {
    struct post post; /* first: the connection's user */
    struct exchange *whole;
    uint32_t open;
};

struct toy_part {
    struct exchange x;
    struct toy *owner;
};

static int started, ended;

static void end(struct toy *toy)
{
    shared_wake(toy->whole);
    post_cancel(&toy->post);
    exchange_close(toy->whole);
    conn_collect(toy, sizeof(*toy));
    ended++;
}

static void on_news(struct post *post)
{
    struct toy *toy = CONTAINER(post, struct toy, post);

    if (toy->open == 0 && toy->whole->timed_out)
        end(toy);
}

static enum rc start(struct exchange *whole)
{
    struct toy *toy = conn_alloc(sizeof(*toy));

    toy->post.run = on_news;
    toy->whole = whole;
    timer_cancel(&whole->conn.timer);
    exchange_use(whole, &toy->post, &quiet);
    started++;
    return RC_OK;
}

static struct toy *toy_of(const struct exchange *whole)
{
    return CONTAINER(whole->user, struct toy, post);
}

static bool has_room(const struct exchange *whole)
{
    return toy_of(whole)->open < ROOM;
}

static struct exchange *open_part(struct exchange *whole)
{
    struct toy_part *part = conn_alloc(sizeof(*part));

    shared_wake(whole);
    exchange_init_part(&part->x, whole, &conn_plain);
    part->owner = toy_of(whole);
    part->owner->open++;
    return &part->x;
}

static void close_part(struct exchange *x)
{
    struct toy_part *part = CONTAINER(x, struct toy_part, x);
    struct toy *toy = part->owner;

    timer_cancel(&x->conn.timer);
    post_cancel(&x->conn.post);
    conn_collect(part, sizeof(*part));
    if (--toy->open == 0 && !shared_rest(toy->whole))
        end(toy);
}

static void retire(struct exchange *whole)
{
    if (toy_of(whole)->open == 0)
        end(toy_of(whole));
}

static bool squeeze(struct exchange *whole)
{
    return false;
}

static const struct shared_ops toy_ops = {.name = "toy", .start = start, .has_room = has_room,
                                          .open = open_part, .close = close_part,
                                          .retire = retire, .squeeze = squeeze};

/* Dials ---------------------------------------------------------------------------------------- */

static struct dial_options options = {.keepalive = true, .shared = &toy_ops, .retry = 0,
                                      .exchange.connect_timeout_ms = 2000,
                                      .exchange.place = &options};
static struct dial_options elsewhere;

static void on_done(struct post *post)
{
}

static struct dial *new_dial(const struct dial_options *o)
{
    struct dial *d = pool_zalloc(pool, sizeof(*d));
    struct post *done = pool_zalloc(pool, sizeof(*done));

    done->run = on_done;
    d->group = &group;
    d->options = o;
    d->log = &quiet;
    d->pool = pool;
    d->done = done;
    dial_init(d);
    dial_start(d);
    return d;
}

static void settle(struct dial *d)
{
    for (int i = 0; i < 1000 && d->state != DIAL_READY && d->state != DIAL_FAIL; i++)
        loop_turn(loop, 5);
}

static void forget(void)
{
    peer_detach();
    loop_turn(loop, 0);
    peer_attach(&set, 1);
    conf = (struct upstream_conf){.keepalive = 1, .keepalive_requests = 10, .keepalive_local = true,
                                  .keepalive_timeout_ms = 60000, .keepalive_time_ms = 60000};
    started = ended = 0;
}

static void waits_for_who_was_first(void)
{
    struct dial *first, *second, *third, *fourth;

    forget();
    first = new_dial(&options);
    second = new_dial(&options);
    third = new_dial(&options);
    fourth = new_dial(&options);
    is_int(first->state, DIAL_CONNECT, "the first one connects");
    is_int(second->state, DIAL_FOLLOW, "the next ones wait for it");
    settle(third);
    is_int(started, 1, "one connection is made");
    is_int(second->state, DIAL_READY, "for all");
    ok(second->reused && !first->reused, "only the first is told that it is new");
    settle(fourth);
    is_int(started, 2, "who finds it full makes another");
    dial_end(first, PEER_GOOD, false);
    dial_end(fourth, PEER_GOOD, false);
    is_int(ended, 0, "one may be idle");
    first = new_dial(&options);
    is_int(first->state, DIAL_READY, "one with room is joined at once");
    dial_end(first, PEER_GOOD, false);
    dial_cancel(second);
    dial_cancel(third);
    is_int(ended, 1, "but no second one");
    is_int(peer_group_live(&group)->idle_count, 1, "as is counted");
}

static void place_counts_where_it_should(void)
{
    struct dial *here, *there;

    forget();
    elsewhere = options;
    elsewhere.exchange.place = &elsewhere;
    here = new_dial(&options);
    there = new_dial(&elsewhere);
    is_int(there->state, DIAL_CONNECT, "who comes from elsewhere waits for nobody");
    settle(here);
    settle(there);
    is_int(started, 2, "and has a connection of its own");
    dial_cancel(there);
    conf.keepalive_local = false;
    there = new_dial(&elsewhere);
    is_int(there->state, DIAL_READY, "unless connections are for all");
    dial_cancel(here);
    dial_cancel(there);
}

static void ends_of_leaders(void)
{
    struct dial *first, *second, *third;

    forget();
    first = new_dial(&options);
    second = new_dial(&options);
    third = new_dial(&options);
    dial_cancel(first);
    settle(second);
    settle(third);
    is_int(second->state, DIAL_READY, "the first one leaves: another goes in its place");
    is_int(third->state, DIAL_READY, "and is followed");
    is_int(started, 1, "over one connection");
    dial_cancel(second);
    dial_cancel(third);

    forget();
    first = new_dial(&options);
    second = new_dial(&options);
    third = new_dial(&options);
    dial_cancel(second);
    is_int(second->state, DIAL_IDLE, "who waits may leave");
    first->exchange->timed_out = true;
    post_now(&first->post);
    settle(third);
    is_int(first->state, DIAL_FAIL, "no connection is to be had");
    is_int(third->state, DIAL_FAIL, "for nobody who waits");
    is_int(third->fault, DIAL_TIMEOUT, "for the same reason");
    is_int(started, 0, "and nobody tries again");
}

static void keeps_none(void)
{
    struct dial *first, *second;

    forget();
    conf.keepalive = 0;
    first = new_dial(&options);
    second = new_dial(&options);
    is_int(second->state, DIAL_CONNECT, "keepalive 0: each has its own");
    settle(first);
    settle(second);
    is_int(started, 2, "connection");
    dial_end(first, PEER_GOOD, true);
    dial_end(second, PEER_GOOD, true);
    is_int(ended, 2, "which ends with it");
}

int main(void)
{
    const char *why;

    kit_start();
    pool = pool_create(POOL_BLOCK);
    addr_parse(&peer.addr, STR("127.0.0.1"), 0, &why);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(listener, &peer.addr.sa, peer.addr.len) != 0 || listen(listener, 64) != 0 ||
        getsockname(listener, &peer.addr.sa, &peer.addr.len) != 0)
        abort();
    peer.name = STR("a");
    peer.server = &server;
    peer.group = &group;
    waits_for_who_was_first();
    place_counts_where_it_should();
    ends_of_leaders();
    keeps_none();
    peer_detach();
    loop_turn(loop, 0);
    is_int(conn_stats.open, 0, "no connection is left");
    pool_destroy(pool);
    return tap_done();
}
