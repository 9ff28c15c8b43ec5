/*
 * worker/upstream/queue.c - requests that wait until one of a group's peers may be tried again.
 *
 * Who waits is told to other workers by a time in the zone, set anew as long as he does: a worker
 * that dies is forgotten by itself. A worker whose own requests wait leaves every second connection
 * that ends to the others, if there are any.
 */
#include "worker/upstream/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "common/role.h"
#include "common/slots.h"
#include "worker/event/loop.h"
#include "worker/upstream/peer.h"
#include "worker/upstream/sticky.h"

#define STILL_WAITS_MS 200 /* what is said in the zone holds for so long */

static struct list queues = {.head = {&queues.head, &queues.head}}; /* struct group_live */
static struct event wake = {.fd = -1};
static struct timer look;

/* Waking --------------------------------------------------------------------------------------- */

static void wake_first(struct group_live *live)
{
    struct dial *d;

    if (list_empty(&live->waiting))
        return;
    d = CONTAINER(list_first(&live->waiting), struct dial, wait_link);
    d->woken = true;
    post_now(&d->post);
}

static void wake_all(void)
{
    LIST_EACH(struct group_live, live, &queues, queue_link)
        wake_first(live);
}

static void on_wake(struct event *ev)
{
    ev->readable = false; /* never read: each write is an edge */
    wake_all();
}

static void say_we_wait(const struct upstream_group *group)
{
    struct zone *z = peer_zone_of(group);
    struct peer_zone *root;

    if (z == NULL || z->slots == NULL)
        return;
    root = zone_root(z);
    atomic_store_explicit(&root->waits[z->slots->mine % PEER_WAITS],
                          clock_mono_ms + STILL_WAITS_MS, memory_order_relaxed);
}

static void on_look(struct timer *timer)
{
    LIST_EACH(struct group_live, live, &queues, queue_link)
    {
        say_we_wait(CONTAINER(list_first(&live->waiting), struct dial, wait_link)->group);
        wake_first(live);
    }
    if (!list_empty(&queues))
        timer_set(timer, QUEUE_LOOK_MS);
}

static bool others_wait(const struct upstream_group *group)
{
    struct zone *z = peer_zone_of(group);
    const struct peer_zone *root;

    if (z == NULL || z->slots == NULL)
        return false;
    root = zone_root(z);
    for (uint32_t i = 0; i < PEER_WAITS; i++)
        if (i != z->slots->mine % PEER_WAITS &&
            atomic_load_explicit(&root->waits[i], memory_order_relaxed) > clock_mono_ms)
            return true;
    return false;
}

static void wake_others(void)
{
    static const uint64_t one = 1;

    if (wake.fd >= 0 && write(wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_error(&process_log, LOG_ALERT, errno, "write() to an eventfd failed");
}

void queue_freed(const struct upstream_group *group)
{
    struct group_live *live = peer_group_live(group);
    bool others;

    if (live == NULL)
        return;
    others = others_wait(group);
    if (!list_empty(&live->waiting) && !(others && live->had_turn)) {
        live->had_turn = true;
        wake_first(live);
        return;
    }
    live->had_turn = false;
    if (others)
        wake_others();
}

/* Waiting -------------------------------------------------------------------------------------- */

/* Of those that have tried nobody yet, all see the same; but for the ones that are bound. */
static bool is_as_any(const struct dial *d)
{
    return d->try == NULL && d->bound == 0;
}

bool queue_is_ahead(const struct dial *d)
{
    const struct group_live *live = peer_group_live(d->group);

    return live != NULL && live->waiting_fresh > 0 && is_as_any(d);
}

bool queue_is_of_use(const struct dial *d)
{
    for (uint32_t i = 0; i < d->group->primaries + d->group->backups; i++) {
        const struct peer *peer = &d->group->peers[i];

        if (!dial_was_tried(d, i) && !peer->server->down &&
            (!peer->server->drain || sticky_is_bound(d, peer)))
            return true;
    }
    return false;
}

bool queue_enter(struct dial *d)
{
    struct group_live *live = peer_group_live(d->group);

    if (live->waiting_count >= d->group->queue)
        return false;
    if (list_empty(&live->waiting))
        list_append(&queues, &live->queue_link);
    list_append(&live->waiting, &d->wait_link);
    live->waiting_count++;
    d->waits_fresh = is_as_any(d);
    live->waiting_fresh += d->waits_fresh;
    d->queued_ms = clock_mono_ms;
    d->woken = false;
    timer_set(&d->timer, d->group->queue_timeout_ms);
    say_we_wait(d->group);
    look.on_timer = on_look;
    if (!timer_is_set(&look))
        timer_set(&look, QUEUE_LOOK_MS);
    return true;
}

void queue_leave(struct dial *d)
{
    struct group_live *live;

    if (!link_in_list(&d->wait_link))
        return;
    live = peer_group_live(d->group);
    list_remove(&d->wait_link);
    live->waiting_count--;
    live->waiting_fresh -= d->waits_fresh;
    timer_cancel(&d->timer);
    if (!list_empty(&live->waiting))
        return;
    list_remove(&live->queue_link);
    if (list_empty(&queues))
        timer_cancel(&look);
}

void queue_pass_by(const struct dial *d)
{
    const struct group_live *live = peer_group_live(d->group);
    struct link *next = d->wait_link.next;
    struct dial *behind;

    if (next == &live->waiting.head ||
        (d->waits_fresh && live->waiting_fresh == live->waiting_count))
        return;
    behind = CONTAINER(next, struct dial, wait_link);
    behind->woken = true;
    post_now(&behind->post);
}

void queue_go_on(struct group_live *live)
{
    wake_first(live);
}

/* The worker ----------------------------------------------------------------------------------- */

static enum rc start(const struct child *child)
{
    const struct upstream_set *set = child->gen->upstreams;

    if (set == NULL || set->wake_fd == 0)
        return RC_OK;
    wake = (struct event){.fd = set->wake_fd, .on_event = on_wake};
    if (loop_add(&wake) == RC_OK)
        return RC_OK;
    log_error(&process_log, LOG_ALERT, errno, "epoll_ctl() of an eventfd failed");
    return RC_ERROR;
}

static void stop(void)
{
    timer_cancel(&look);
    if (wake.fd >= 0)
        loop_remove(&wake);
    wake.fd = -1;
}

/* Configuration -------------------------------------------------------------------------------- */

static void close_wake(void *arg)
{
    const struct upstream_set *set = arg;

    close(set->wake_fd);
}

/* One descriptor for all queues, which the workers inherit. */
static bool load_done(struct generation *gen)
{
    struct upstream_set *set = gen->upstreams;
    bool wanted = false;
    int fd;

    for (const struct upstream_group *g = set == NULL ? NULL : set->first; g != NULL; g = g->next)
        wanted |= g->queue > 0;
    if (!wanted || gen->testing)
        return true;
    fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd == 0) { /* our word for none */
        fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
        close(0);
    }
    if (fd < 0)
        return conf_fail_at(gen, set->first->node, "eventfd() failed");
    set->wake_fd = fd;
    pool_on_destroy(gen->pool, close_wake, set);
    return true;
}

static bool set_queue(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    struct str value;

    if (!conf_int(conf_arg(call, 0), &group->queue) || group->queue <= 0 ||
        group->queue > INT32_MAX)
        return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 0)));
    group->queue_timeout_ms = 60000;
    if (call->count < 2)
        return true;
    if (conf_arg_is(call, 1, "timeout=", &value) && conf_ms(value, &group->queue_timeout_ms))
        return true;
    return conf_fail_parameter(call, 1);
}

static const struct directive directives[] = {
    {.name = "queue", .where = IN_UPSTREAM, .args = "number [timeout=time]", .apply = set_queue,
     .doc = "Requests for which no server may be picked wait, at most so many in each worker and "
            "for that long (60s), and go in the order in which they came. When the queue is full "
            "or the time over, the answer is 502."},
};

const struct module queue_module = {
    .name = "queue",
    .doc = "A waiting room before a group whose servers are all busy.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .load_done = load_done,
    .worker_start = start,
    .worker_stop = stop,
};
