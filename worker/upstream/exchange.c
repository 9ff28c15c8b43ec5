/*
 * worker/upstream/exchange.c - connections to origins.
 */
#include "worker/upstream/exchange.h"

#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sock.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/peer_use.h"
#include "worker/upstream/shared.h"

/* Events --------------------------------------------------------------------------------------- */

static void tell(struct exchange *x)
{
    post_now(x->user != NULL ? x->user : &x->conn.post);
}

static void on_event(struct event *ev)
{
    tell(CONTAINER(ev, struct exchange, conn.ev));
}

static void on_timer(struct timer *timer)
{
    struct exchange *x = CONTAINER(timer, struct exchange, conn.timer);

    x->timed_out = true;
    tell(x);
}

static void on_drain(struct conn *c, bool successor)
{
    struct exchange *x = CONTAINER(c, struct exchange, conn);

    if (x->user == NULL || x->shared != NULL)
        tell(x);
}

static bool on_squeeze(struct conn *c)
{
    struct exchange *x = CONTAINER(c, struct exchange, conn);

    if (x->shared != NULL)
        return x->shared->squeeze(x);
    if (x->user != NULL)
        return false;
    keepalive_drop(x);
    return true;
}

static const struct conn_owner owner = {.name = "upstream", .on_drain = on_drain,
                                        .on_squeeze = on_squeeze};

/* Opening -------------------------------------------------------------------------------------- */

static bool prepare_socket(int fd, const struct peer *peer, const struct exchange_options *o,
                           struct log *log)
{
    if (o->socket_keepalive)
        sock_set(fd, SOCK_KEEPALIVE, 1, log);
    if (o->rcvbuf > 0)
        sock_set(fd, SOCK_RCVBUF, (int)o->rcvbuf, log);
    if (o->sndbuf > 0)
        sock_set(fd, SOCK_SNDBUF, (int)o->sndbuf, log);
    if (o->bind == NULL || peer->addr.sa.sa_family == AF_UNIX)
        return true;
    if (o->transparent)
        sock_set(fd, o->bind->sa.sa_family == AF_INET6 ? SOCK_TRANSPARENT_V6 : SOCK_TRANSPARENT, 1,
                 log);
    if (addr_port(o->bind) == 0)
        sock_set(fd, SOCK_BIND_NO_PORT, 1, log);
    if (bind(fd, &o->bind->sa, o->bind->len) == 0)
        return true;
    log_error(log, LOG_CRIT, errno, "bind() failed");
    return false;
}

/* -1: none to be had. Of that the log is told once in a while: every request would fail so. */
static int new_socket(int family, struct log *log)
{
    static int64_t told_ms;
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, fd = socket(family, type, 0);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && conn_squeeze() > 0)
        fd = socket(family, type, 0);
    if (fd < 0 && log_allowed(&told_ms))
        log_error(log, LOG_ALERT, errno, "socket() failed");
    return fd;
}

static int open_socket(const struct peer *peer, const struct exchange_options *o, struct log *log)
{
    int fd = new_socket(peer->addr.sa.sa_family, log);

    if (fd < 0)
        return -1;
    if (prepare_socket(fd, peer, o, log))
        return fd;
    close(fd);
    return -1;
}

static enum log_level connect_level(int err)
{
    switch (err) {
    case ECONNREFUSED:
    case EAGAIN: /* a unix socket whose queue is full */
    case ECONNRESET:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return LOG_ERROR;
    default:
        return LOG_CRIT;
    }
}

static enum exchange_opened start_connect(int fd, const struct peer *peer, struct log *log)
{
    if (connect(fd, &peer->addr.sa, peer->addr.len) == 0)
        return EXCHANGE_READY;
    if (errno == EINPROGRESS)
        return EXCHANGE_BEGUN;
    log_error(log, connect_level(errno), errno, "connect() to %" STR_FMT " failed",
              STR_ARG(peer->name));
    return EXCHANGE_REFUSED;
}

enum exchange_opened exchange_open(struct exchange **out, const struct peer *peer,
                                   const struct exchange_options *options, struct post *user,
                                   struct log *log)
{
    int fd = open_socket(peer, options, log);
    enum exchange_opened opened;
    struct exchange *x;

    *out = NULL;
    if (fd < 0)
        return EXCHANGE_LACKING;
    x = conn_alloc(sizeof(*x));
    conn_set_peer(&x->conn, &peer->addr);
    opened = start_connect(fd, peer, log);
    if (opened != EXCHANGE_REFUSED &&
        conn_open(&x->conn, fd, &conn_plain, &owner, on_event) != RC_OK)
        opened = EXCHANGE_LACKING;
    if (opened != EXCHANGE_READY && opened != EXCHANGE_BEGUN) {
        close(fd);
        conn_collect(x, sizeof(*x));
        return opened;
    }
    x->conn.timer.on_timer = on_timer;
    x->conn.post.run = keepalive_check;
    x->peer = peer->id == PEER_PASSING ? NULL : peer;
    x->place = options->place;
    x->opened_ms = clock_mono_ms;
    exchange_use(x, user, log);
    if (peer->addr.sa.sa_family != AF_UNIX)
        conn_nodelay(&x->conn);
    x->conn.ev.writable = opened == EXCHANGE_READY;
    *out = x;
    return opened;
}

void exchange_init_part(struct exchange *x, const struct exchange *whole, const struct conn_io *io)
{
    x->conn.ev.fd = -1;
    x->conn.io = io;
    x->conn.timer.on_timer = on_timer;
    x->conn.peer = whole->conn.peer;
    x->shared = whole->shared;
    x->part = true;
    x->opened_ms = whole->opened_ms;
}

void exchange_use(struct exchange *x, struct post *user, const struct log *log)
{
    x->user = user;
    x->timed_out = false;
    x->conn.log = *log;
    if (user == NULL)
        peer_use_end(&x->use);
    else if (x->use == NULL && x->peer != NULL)
        peer_use_begin(&x->use, x->peer);
}

void exchange_close(struct exchange *x)
{
    if (x->part) {
        x->shared->close(x);
        return;
    }
    list_remove(&x->idle_link);
    peer_use_end(&x->use);
    conn_close(&x->conn);
    conn_collect(x, sizeof(*x));
}
