/*
 * worker/event/loop.h - one epoll loop per process: descriptors, timers, posted work.
 *
 * A turn: epoll_wait (bounded by the next timer) -> clock_update -> every ready descriptor's
 * on_event -> posted work until there is none -> timers that are due -> the work they post ->
 * turn-end hooks. Callbacks only note and post; machines run from the post queue, so none is ever
 * re-entered. What came in time is met before a timer says that it did not, however late we are.
 */
#pragma once

#include "common/base.h"
#include "worker/event/post.h"
#include "worker/event/timer.h"

/*
 * A descriptor in the loop, registered once, edge-triggered, for both directions. `readable` and
 * `writable` are set by the loop and cleared by whoever meets EAGAIN (or a short read or write on a
 * stream socket, which promises that the next edge will come).
 */
struct event {
    int fd;               /* -1: closed; events still queued for it are dropped */
    bool readable;
    bool writable;
    bool hangup;          /* EPOLLRDHUP or EPOLLHUP seen: the peer will send no more */
    bool failed;          /* EPOLLERR seen */
    void (*on_event)(struct event *ev);
};

struct loop {
    int epoll_fd;
    uint32_t turn;                 /* counts turns; two reads in one turn see one number */
    struct timers timers;
    struct post_queue posts;
    struct post_queue turn_end;    /* hooks run once at the end of this turn, then forgotten */
    bool stop;
    struct epoll_event *batch;
    int batch_size, batch_count, batch_at;
};

/* The loop of this process (unit tests point it to one of their own). */
extern struct loop *loop;

enum rc loop_init(struct loop *l, int batch_size);
void loop_fini(struct loop *l);

/* Registers fd edge-triggered for in, out and rdhup. */
enum rc loop_add(struct event *ev);

/* Registers fd level-triggered for reading only, with EPOLLEXCLUSIVE when `shared` (listeners). */
enum rc loop_add_level(struct event *ev, bool shared);

/* Level-triggered, for the descriptors of libraries that say what they wait for: registers fd, or,
   when it is `known`, changes what it is watched for. */
enum rc loop_watch(struct event *ev, bool in, bool out, bool known);

/* The descriptor of `from` is `to`'s from now on: what was seen of it, and what is yet to come.
   `from` is closed in the eyes of the loop. RC_ERROR: nothing changed. */
enum rc loop_move(struct event *to, struct event *from);

/* Takes it out without closing. Before close() it is not needed: closing does it. */
void loop_remove(struct event *ev);

/* Forgets what this turn still holds for ev (it is about to be freed or its fd closed). */
void loop_forget(struct event *ev);

/* Runs turns until `stop`. loop_turn runs one, waiting at most max_wait_ms (-1: any time). */
void loop_run(struct loop *l);
void loop_turn(struct loop *l, int max_wait_ms);
