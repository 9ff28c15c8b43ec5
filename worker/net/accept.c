/*
 * worker/net/accept.c - taking connections from listening sockets, and pausing when full.
 *
 * The sockets belong to the master; all workers wait on the same ones, EPOLLEXCLUSIVE wakes one.
 * While paused they are out of the epoll set, so that a full worker does not spin and another takes
 * the connection.
 */
#include "worker/net/accept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/pool.h"
#include "worker/net/conn.h"

#define RETRY_MS 500

struct listener {
    struct event ev;
    struct post post;
    const struct listen_spec *spec;
    bool shared;  /* other specs came through it: the local address picks one */
    bool last_call; /* what is queued is taken before it is closed */
};

static struct {
    accept_fn *open[FAMILY_MAIL + 1];
    const struct generation *gen;
    struct listener *listeners;
    uint32_t count;
    bool multi;
    bool paused;
    struct timer retry;
    struct post resume;
} here;

void accept_family(enum family family, accept_fn *open)
{
    here.open[family] = open;
}

void accept_multi(bool all)
{
    here.multi = all;
}

/* Pausing -------------------------------------------------------------------------------------- */

static void pause_all(void)
{
    if (here.paused)
        return;
    here.paused = true;
    for (uint32_t i = 0; i < here.count; i++) {
        loop_remove(&here.listeners[i].ev);
        post_cancel(&here.listeners[i].post);
    }
    timer_set(&here.retry, RETRY_MS);
}

static void go_on(void)
{
    here.paused = false;
    timer_cancel(&here.retry);
    for (uint32_t i = 0; i < here.count; i++)
        if (loop_add_level(&here.listeners[i].ev, true) != RC_OK) {
            while (i-- > 0)
                loop_remove(&here.listeners[i].ev);
            here.paused = true;
            timer_set(&here.retry, RETRY_MS);
            return;
        }
}

static void run_resume(struct post *post)
{
    if (here.paused)
        go_on();
}

static void on_retry(struct timer *timer)
{
    post_now(&here.resume);
}

void accept_resume(void)
{
    if (unlikely(here.paused))
        post_now(&here.resume);
}

/* Accepting ------------------------------------------------------------------------------------ */

/* The spec whose address the connection was made to. */
static const struct listen_spec *pick_spec(const struct listener *l, int fd)
{
    struct addr local = {.len = sizeof(local.any)};

    if (!l->shared)
        return l->spec;
    if (getsockname(fd, &local.sa, &local.len) != 0) {
        log_error(&process_log, LOG_CRIT, errno, "getsockname() failed");
        return l->spec;
    }
    for (const struct listen_spec *s = here.gen->listens; s != NULL; s = s->next)
        if (s->through == l->spec && addr_eq(&s->addr, &local))
            return s;
    return l->spec;
}

/* The connection was lost before it was accepted; accept(2) lists these. */
static bool is_about_one(int err)
{
    switch (err) {
    case ECONNABORTED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EPERM:
    case EPROTO:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static void accept_failed(const struct listener *l, int err)
{
    static int64_t last_ms;
    bool exhausted = err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;

    if (err == EAGAIN || err == EINTR)
        return;
    if (is_about_one(err)) {
        log_error(&process_log, LOG_INFO, err, "accept4() on %" STR_FMT " failed",
                  STR_ARG(l->spec->text));
        return;
    }
    if (log_allowed(&last_ms))
        log_error(&process_log, exhausted ? LOG_CRIT : LOG_ALERT, err, "accept4() failed");
    pause_all();
    if (exhausted)
        conn_squeeze(); /* each that closes ends the pause */
}

static bool has_place(void)
{
    static int64_t squeezed_ms, full_ms;

    if (conn_stats.open < conn_stats.limit || conn_stats.limit == 0)
        return true;
    pause_all();
    if (conn_squeeze() > 0) {
        if (log_allowed(&squeezed_ms))
            log_error(&process_log, LOG_WARN, 0,
                      "%u worker_connections are not enough, reusing connections",
                      conn_stats.limit);
    } else if (log_allowed(&full_ms)) {
        log_error(&process_log, LOG_ALERT, 0, "%u worker_connections are not enough",
                  conn_stats.limit);
    }
    return false;
}

/* False, with errno, when there is nobody. */
static bool take(struct listener *l)
{
    struct addr peer = {.len = sizeof(peer.any)};
    int fd = accept4(l->ev.fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    if (peer.len < sizeof(sa_family_t)) /* an unnamed unix socket */
        peer.sa.sa_family = l->spec->addr.sa.sa_family;
    conn_stats.accepted++;
    here.open[l->spec->family](fd, &peer, pick_spec(l, fd));
    conn_stats.handled++;
    return true;
}

static bool accept_one(struct listener *l)
{
    if (!has_place())
        return false;
    if (take(l))
        return true;
    accept_failed(l, errno);
    return false;
}

static void run_accept(struct post *post)
{
    struct listener *l = CONTAINER(post, struct listener, post);

    while (accept_one(l) && here.multi && here.listeners != NULL)
        ;
}

static void on_readable(struct event *ev)
{
    post_now(&CONTAINER(ev, struct listener, ev)->post);
}

/* Starting and stopping ------------------------------------------------------------------------ */

static uint32_t fd_count(const struct listen_spec *spec)
{
    if (spec->kind != LISTEN_TCP || spec->through != NULL)
        return 0;
    return spec->slot_fds != NULL ? spec->slot_count : 1;
}

static int fd_at(const struct listen_spec *spec, uint32_t i)
{
    return spec->slot_fds != NULL ? spec->slot_fds[i] : spec->fd;
}

/* With more sockets than workers, a worker has several. */
static bool is_ours(const struct listen_spec *spec, uint32_t i, uint32_t slot)
{
    return spec->slot_fds == NULL || i % MAX(here.gen->slots, 1u) == slot;
}

static bool is_shared(const struct listen_spec *spec)
{
    for (const struct listen_spec *s = here.gen->listens; s != NULL; s = s->next)
        if (s->through == spec)
            return true;
    return false;
}

static uint32_t count_sockets(void)
{
    uint32_t count = 0;

    for (const struct listen_spec *s = here.gen->listens; s != NULL; s = s->next)
        count += fd_count(s);
    return count;
}

static enum rc listen_on(const struct listen_spec *spec, int fd)
{
    struct listener *l = &here.listeners[here.count];

    must(here.open[spec->family] != NULL);
    *l = (struct listener){
        .ev = {.fd = fd, .on_event = on_readable},
        .post = {.run = run_accept},
        .spec = spec,
        .shared = is_shared(spec),
    };
    if (loop_add_level(&l->ev, true) != RC_OK)
        return RC_ERROR;
    here.count++;
    return RC_OK;
}

/* Other workers' sockets would live on in us when nobody else wants them any more. */
static enum rc start_spec(const struct listen_spec *spec, uint32_t slot)
{
    for (uint32_t i = 0; i < fd_count(spec); i++) {
        int fd = fd_at(spec, i);

        if (fd < 0)
            continue;
        if (!is_ours(spec, i, slot))
            close(fd);
        else if (listen_on(spec, fd) != RC_OK)
            return RC_ERROR;
    }
    return RC_OK;
}

enum rc accept_start(const struct generation *gen, uint32_t slot)
{
    here.gen = gen;
    here.retry.on_timer = on_retry;
    here.resume.run = run_resume;
    here.listeners = pool_malloc(MAX(count_sockets(), 1u) * sizeof(*here.listeners));
    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        if (start_spec(s, slot) != RC_OK)
            return RC_ERROR;
    return RC_OK;
}

/* A keeper hears of it too, and listens to nobody. */
void accept_last_call(int64_t index)
{
    const struct listen_spec *spec = here.gen == NULL ? NULL : here.gen->listens;

    while (spec != NULL && index-- > 0)
        spec = spec->next;
    for (uint32_t i = 0; i < here.count; i++)
        here.listeners[i].last_call |= here.listeners[i].spec == spec;
}

/* Whatever the limits are: who is left in the queue is cut off when the socket closes. */
static void empty_queue(struct listener *l)
{
    while (take(l) || is_about_one(errno))
        ;
}

/* EPOLLEXCLUSIVE told us alone of some that are queued: the others, who go on, would sleep until
   the next comes. */
static void take_what_woke_us(struct listener *l)
{
    while ((conn_stats.open < conn_stats.limit || conn_stats.limit == 0) &&
           (take(l) || is_about_one(errno)))
        ;
}

/* The master has the sockets open too: without removal epoll would go on reporting them. */
void accept_stop(bool successor)
{
    for (uint32_t i = 0; i < here.count; i++) {
        struct listener *l = &here.listeners[i];

        if (!here.paused)
            loop_remove(&l->ev);
        post_cancel(&l->post);
        if (l->last_call)
            empty_queue(l);
        else if (successor && !here.paused)
            take_what_woke_us(l);
        close(l->ev.fd);
    }
    timer_cancel(&here.retry);
    post_cancel(&here.resume);
    free(here.listeners);
    here.listeners = NULL;
    here.count = 0;
    here.paused = false;
}
