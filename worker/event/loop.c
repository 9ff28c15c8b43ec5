/*
 * worker/event/loop.c - epoll, and the order of things in a turn.
 */
#include "worker/event/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/pool.h"

struct loop *loop;

enum rc loop_init(struct loop *l, int batch_size)
{
    memset(l, 0, sizeof(*l));
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        log_error(&process_log, LOG_EMERG, errno, "epoll_create1() failed");
        return RC_ERROR;
    }
    timers_init(&l->timers, clock_mono_ms);
    post_queue_init(&l->posts);
    post_queue_init(&l->turn_end);
    l->batch_size = batch_size;
    l->batch = pool_malloc((size_t)batch_size * sizeof(*l->batch));
    return RC_OK;
}

void loop_fini(struct loop *l)
{
    close(l->epoll_fd);
    free(l->batch);
    l->epoll_fd = -1;
    l->batch = NULL;
}

static enum rc control(int op, struct event *ev, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = ev};

    if (epoll_ctl(loop->epoll_fd, op, ev->fd, &e) == 0)
        return RC_OK;
    log_error(&process_log, LOG_ALERT, errno, "epoll_ctl(%d, %d) failed", op, ev->fd);
    return RC_ERROR;
}

static enum rc add(struct event *ev, uint32_t events)
{
    return control(EPOLL_CTL_ADD, ev, events);
}

enum rc loop_add(struct event *ev)
{
    return add(ev, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

enum rc loop_add_level(struct event *ev, bool shared)
{
    return add(ev, shared ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN);
}

enum rc loop_watch(struct event *ev, bool in, bool out, bool known)
{
    return control(known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, ev,
                   (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u));
}

enum rc loop_move(struct event *to, struct event *from)
{
    to->fd = from->fd;
    if (control(EPOLL_CTL_MOD, to, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) != RC_OK) {
        to->fd = -1;
        return RC_ERROR;
    }
    loop_forget(from);
    to->readable = from->readable;
    to->writable = from->writable;
    to->hangup = from->hangup;
    to->failed = from->failed;
    from->fd = -1;
    return RC_OK;
}

void loop_remove(struct event *ev)
{
    struct epoll_event unused = {0};

    loop_forget(ev);
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, ev->fd, &unused) != 0)
        log_error(&process_log, LOG_ALERT, errno, "epoll_ctl(%d, %d) failed", EPOLL_CTL_DEL,
                  ev->fd);
}

void loop_forget(struct event *ev)
{
    for (int i = loop->batch_at; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == ev)
            loop->batch[i].data.ptr = NULL;
}

static void deliver(struct event *ev, uint32_t events)
{
    if (ev == NULL || ev->fd < 0)
        return;
    if (events & EPOLLERR)
        ev->failed = true;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        ev->hangup = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        ev->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        ev->writable = true;
    ev->on_event(ev);
}

static int wait_ms(const struct loop *l, int max_wait_ms)
{
    int64_t next_ms = timers_next(&l->timers);

    if (!post_queue_empty(&l->posts) || !post_queue_empty(&l->turn_end))
        return 0;
    if (next_ms < 0)
        return max_wait_ms;
    next_ms = MIN(MAX(next_ms - (clock_mono_ms - l->timers.now_ms), 0), INT_MAX);
    return max_wait_ms >= 0 && max_wait_ms < next_ms ? max_wait_ms : (int)next_ms;
}

static void wait_for_events(struct loop *l, int max_wait_ms)
{
    int count = epoll_wait(l->epoll_fd, l->batch, l->batch_size, wait_ms(l, max_wait_ms));

    if (count < 0 && errno != EINTR)
        log_error(&process_log, LOG_ALERT, errno, "epoll_wait() failed");
    l->batch_at = 0;
    l->batch_count = MAX(count, 0);
}

void loop_turn(struct loop *l, int max_wait_ms)
{
    wait_for_events(l, max_wait_ms);
    clock_update();
    l->turn++;
    while (l->batch_at < l->batch_count) {
        const struct epoll_event *e = &l->batch[l->batch_at++];

        deliver(e->data.ptr, e->events);
    }
    post_run_all(&l->posts); /* who has just heard from his peer sets his timer anew */
    timers_run(&l->timers, clock_mono_ms);
    post_run_all(&l->posts);
    post_run_present(&l->turn_end);
}

void loop_run(struct loop *l)
{
    while (!l->stop)
        loop_turn(l, -1);
}
