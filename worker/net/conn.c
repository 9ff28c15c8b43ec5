/*
 * worker/net/conn.c - the life of a connection, and the memory it lives in.
 *
 * Structs that embed a connection are recycled by size. What died in a turn is collected at its
 * end, so that an event still queued, or a neighbour's post, finds a closed connection and not
 * another one.
 */
#include "worker/net/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/listen_spec.h"
#include "common/poison.h"
#include "worker/net/accept.h"
#include "worker/net/proxy_protocol.h"
#include "worker/net/send_job.h"
#include "worker/net/tls.h"

#define STEP       32    /* sizes are rounded up to a multiple */
#define LARGEST    4096  /* above: malloc and free */
#define IDLE_LIMIT 1024  /* kept of each size */

#define SQUEEZE_PART 16  /* this part of all connections is given up at once */
#define IN_VAIN_MS   100 /* nothing was idle: it is not asked again for so long */

struct conn_stats conn_stats;
bool conn_draining, conn_all_cut;

static struct conn *all;         /* newest first */
static struct conn *oldest;      /* the last of them */
static struct conn *walk_next;   /* the next one conn_drain_all will visit */
static uint32_t last_number;

uint32_t conn_next_number(void)
{
    if (++last_number == 0) /* 0 means "none" in a log line */
        last_number = 1;
    return last_number;
}

/* Memory --------------------------------------------------------------------------------------- */

struct idle {
    struct idle *next;
};

static struct {
    struct idle *first;
    uint32_t count;
} idle[LARGEST / STEP + 1];

static void *take(size_t class)
{
    struct idle *memory = idle[class].first;

    if (memory == NULL)
        return pool_malloc(class * STEP);
    unpoison(memory, class * STEP);
    idle[class].first = memory->next;
    idle[class].count--;
    return memory;
}

static void give(void *data, size_t bytes)
{
    size_t class = (bytes + STEP - 1) / STEP;
    struct idle *memory = data;

    if (bytes > LARGEST || idle[class].count == IDLE_LIMIT) {
        free(memory);
        return;
    }
    memory->next = idle[class].first;
    idle[class].first = memory;
    idle[class].count++;
    poison(memory + 1, class * STEP - sizeof(*memory));
}

void *conn_alloc(size_t bytes)
{
    return memset(bytes > LARGEST ? pool_malloc(bytes) : take((bytes + STEP - 1) / STEP), 0, bytes);
}

struct dead {
    void *memory;
    size_t bytes;
};

static struct dead *dead;
static size_t dead_count, dead_cap;

static void collect(struct post *post)
{
    for (size_t i = 0; i < dead_count; i++)
        give(dead[i].memory, dead[i].bytes);
    dead_count = 0;
    if (dead_cap > 1024) { /* a burst is over */
        free(dead);
        dead = NULL;
        dead_cap = 0;
    }
}

static struct post collector = {.run = collect};

void conn_collect(void *memory, size_t bytes)
{
    if (dead_count == dead_cap) {
        size_t cap = MAX(dead_cap * 2, 64);
        struct dead *more = pool_malloc(cap * sizeof(*more));

        if (dead_count > 0)
            memcpy(more, dead, dead_count * sizeof(*more));
        free(dead);
        dead = more;
        dead_cap = cap;
    }
    dead[dead_count++] = (struct dead){memory, bytes};
    post_turn_end(&collector);
}

/* Opening and closing -------------------------------------------------------------------------- */

static void link_in(struct conn *c)
{
    c->prev = NULL;
    c->next = all;
    if (all != NULL)
        all->prev = c;
    else
        oldest = c;
    all = c;
    conn_stats.open++;
    conn_stats.clients += c->listen != NULL;
}

static void unlink_conn(struct conn *c)
{
    if (walk_next == c)
        walk_next = c->next;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        all = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        oldest = c->prev;
    c->next = c->prev = NULL;
    conn_stats.open--;
    conn_stats.clients -= c->listen != NULL;
}

enum rc conn_open(struct conn *c, int fd, const struct conn_io *io, const struct conn_owner *owner,
                  void (*on_event)(struct event *ev))
{
    c->ev = (struct event){.fd = fd, .on_event = on_event};
    c->io = io;
    c->owner = owner;
    c->log = process_log;
    if (c->debug)
        c->log.level = LOG_ALL;
    c->log.conn_number = conn_next_number();
    if (loop_add(&c->ev) != RC_OK) {
        c->ev.fd = -1;
        return RC_ERROR;
    }
    link_in(c);
    return RC_OK;
}

enum rc conn_move(struct conn *to, struct conn *from, const struct conn_owner *owner,
                  void (*on_event)(struct event *ev))
{
    if (loop_move(&to->ev, &from->ev) != RC_OK)
        return RC_ERROR;
    to->ev.on_event = on_event;
    to->io = from->io;
    to->owner = owner;
    to->tls = from->tls;
    to->pool = from->pool;
    to->listen = from->listen;
    to->more = from->more;
    to->log = from->log;
    to->sent = from->sent;
    to->peer = from->peer;
    to->nodelay_set = from->nodelay_set;
    to->share_packets = from->share_packets;
    to->debug = from->debug;
    timer_cancel(&from->timer);
    post_cancel(&from->post);
    unlink_conn(from);
    link_in(to);
    if (to->tls != NULL)
        tls_moved(to);
    return RC_OK;
}

/* What few connections need to remember. */
struct conn_more {
    size_t bytes;               /* of all this */
    struct send_job *job;
    bool has_local, has_proxy;
    struct addr local;
    struct proxy_header proxy;
    char tlvs[];
};

static void forget_more(struct conn *c)
{
    if (c->more == NULL)
        return;
    send_job_leave(c->more->job);
    give(c->more, c->more->bytes);
    c->more = NULL;
}

void conn_close(struct conn *c)
{
    assert(c->ev.fd >= 0);
    if (c->tls != NULL)
        tls_close(c, true);
    loop_forget(&c->ev);
    if (close(c->ev.fd) != 0)
        log_error(&c->log, LOG_ALERT, errno, "close() of a socket failed");
    c->ev.fd = -1;
    timer_cancel(&c->timer);
    post_cancel(&c->post);
    if (c->pool != NULL)
        pool_destroy(c->pool);
    c->pool = NULL;
    forget_more(c);
    unlink_conn(c);
    accept_resume();
}

void conn_reset(struct conn *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (c->tls != NULL)
        tls_close(c, false);
    if (setsockopt(c->ev.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) != 0)
        log_error(&c->log, LOG_ALERT, errno, "setsockopt(SO_LINGER) failed");
    conn_close(c);
}

struct pool *conn_pool(struct conn *c)
{
    if (c->pool == NULL)
        c->pool = pool_create(POOL_BLOCK);
    return c->pool;
}

void conn_drain_all(bool successor)
{
    struct conn *c;

    conn_draining = true;
    for (c = all; c != NULL; c = walk_next) {
        walk_next = c->next;
        if (c->owner->on_drain != NULL)
            c->owner->on_drain(c, successor);
    }
}

static uint32_t squeeze(bool clients)
{
    uint32_t count = 0, most = MAX(conn_stats.open / SQUEEZE_PART, 1);
    struct conn *newer;

    for (struct conn *c = oldest; c != NULL && count < most; c = newer) {
        newer = c->prev;
        if ((c->listen != NULL) == clients && c->owner->on_squeeze != NULL)
            count += c->owner->on_squeeze(c);
    }
    return count;
}

uint32_t conn_squeeze(void)
{
    static int64_t in_vain_until_ms;
    uint32_t count;

    if (clock_mono_ms < in_vain_until_ms)
        return 0;
    count = squeeze(false);
    if (count == 0)
        count = squeeze(true);
    if (count == 0)
        in_vain_until_ms = clock_mono_ms + IN_VAIN_MS;
    return count;
}

void conn_cut_all(void)
{
    conn_all_cut = true;
    for (struct conn *c = all; c != NULL; c = c->next)
        if (shutdown(c->ev.fd, SHUT_RDWR) != 0 && errno != ENOTCONN)
            log_error(&c->log, LOG_ALERT, errno, "shutdown() failed");
}

/* Addresses ------------------------------------------------------------------------------------ */

static struct conn_more *need_more(struct conn *c, size_t tlv_bytes)
{
    size_t bytes = sizeof(*c->more) + tlv_bytes;

    if (c->more == NULL) {
        c->more = conn_alloc(bytes);
        c->more->bytes = bytes;
    }
    return c->more;
}

static enum rc ask_local(struct conn *c)
{
    struct addr *local = &need_more(c, 0)->local;

    local->len = sizeof(local->any);
    if (getsockname(c->ev.fd, &local->sa, &local->len) == 0) {
        c->more->has_local = true;
        return RC_OK;
    }
    log_error(&c->log, LOG_CRIT, errno, "getsockname() failed");
    return RC_ERROR;
}

struct send_job **conn_send_job(struct conn *c)
{
    return &need_more(c, 0)->job;
}

enum rc conn_local(struct conn *c, struct addr *out)
{
    if (c->listen != NULL && !addr_is_wildcard(&c->listen->addr)) {
        *out = c->listen->addr;
        return RC_OK;
    }
    if ((c->more == NULL || !c->more->has_local) && ask_local(c) != RC_OK)
        return RC_ERROR;
    *out = c->more->local;
    return RC_OK;
}

void conn_set_proxy(struct conn *c, const struct proxy_header *header)
{
    struct conn_more *more;

    must(c->more == NULL);
    if (!header->has_addrs)
        return;
    more = need_more(c, header->tlvs.len);
    more->proxy = *header;
    if (header->tlvs.len > 0)
        memcpy(more->tlvs, header->tlvs.data, header->tlvs.len);
    more->proxy.tlvs.data = more->tlvs;
    more->has_proxy = true;
}

const struct proxy_header *conn_proxy(const struct conn *c)
{
    return c->more != NULL && c->more->has_proxy ? &c->more->proxy : NULL;
}

static socklen_t peer_bytes(sa_family_t family)
{
    switch (family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return sizeof(sa_family_t);
    }
}

void conn_peer(const struct conn *c, struct addr *out)
{
    memset(out, 0, sizeof(*out));
    out->len = peer_bytes(c->peer.sa.sa_family);
    memcpy(&out->any, &c->peer, out->len);
}

struct conn *conn_shadow(struct pool *pool, struct conn *c)
{
    struct conn *shadow = pool_zalloc(pool, sizeof(*shadow));
    struct addr local;

    shadow->ev.fd = -1;
    shadow->listen = c->listen;
    shadow->log = c->log;
    shadow->peer = c->peer;
    shadow->debug = c->debug;
    conn_local(c, &local); /* known from now on */
    if (c->more == NULL)
        return shadow;
    shadow->more = memcpy(pool_alloc(pool, c->more->bytes), c->more, c->more->bytes);
    if (c->more->has_proxy)
        shadow->more->proxy.tlvs.data = shadow->more->tlvs;
    return shadow;
}

static const struct array *debug_peers;

void conn_debug_peers(const struct array *cidrs)
{
    debug_peers = cidrs;
}

static bool bits_agree(const void *a, const void *b, int bits)
{
    const unsigned char *x = a, *y = b;

    if (memcmp(x, y, (size_t)bits / 8) != 0)
        return false;
    return bits % 8 == 0 || ((x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8)) == 0;
}

static bool is_in(const struct addr *a, const struct cidr *net)
{
    if (a->sa.sa_family != net->addr.sa.sa_family)
        return false;
    switch (a->sa.sa_family) {
    case AF_INET:
        return bits_agree(&a->in.sin_addr, &net->addr.in.sin_addr, net->prefix);
    case AF_INET6:
        return bits_agree(&a->in6.sin6_addr, &net->addr.in6.sin6_addr, net->prefix);
    default:
        return true;
    }
}

static bool is_debugged(const struct addr *peer)
{
    EACH(struct cidr, net, debug_peers)
        if (is_in(peer, net))
            return true;
    return false;
}

void conn_set_peer(struct conn *c, const struct addr *from)
{
    memset(&c->peer, 0, sizeof(c->peer));
    memcpy(&c->peer, &from->any, peer_bytes(from->sa.sa_family));
    if (unlikely(debug_peers != NULL) && is_debugged(from)) {
        c->debug = true;
        c->log.level = LOG_ALL;
    }
}

/* Socket options ------------------------------------------------------------------------------- */

static void set_tcp_option(struct conn *c, int option, const char *name, int on)
{
    if (c->peer.sa.sa_family == AF_UNIX)
        return;
    if (setsockopt(c->ev.fd, IPPROTO_TCP, option, &on, sizeof(on)) != 0 && errno != ENOPROTOOPT &&
        errno != EOPNOTSUPP) /* a unix socket */
        log_error(&c->log, conn_log_level(c, errno), errno, "setsockopt(%s) failed", name);
}

void conn_nodelay(struct conn *c)
{
    if (c->nodelay_set)
        return;
    c->nodelay_set = true;
    set_tcp_option(c, TCP_NODELAY, "TCP_NODELAY", 1);
}

enum log_level conn_log_level(const struct conn *c, int err)
{
    switch (err) {
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
        return c->listen != NULL ? LOG_INFO : LOG_ERROR;
    default:
        return LOG_ALERT;
    }
}
