/*
 * master/listener.c - from listen specs to sockets.
 *
 * With reuseport there is a socket for each worker slot. All of them stay over a reload, even one
 * to fewer workers or to no reuseport: a connection queued in one of them would be lost with it.
 */
#include "master/listener.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf_tree.h"
#include "common/generation.h"
#include "common/log.h"
#include "master/inherit.h"
#include "master/privilege.h"
#include "master/socket_options.h"

/* Sharing -------------------------------------------------------------------------------------- */

static bool is_ip(const struct addr *a)
{
    return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6;
}

static bool same_port(const struct listen_spec *a, const struct listen_spec *b)
{
    return is_ip(&a->addr) && is_ip(&b->addr) && addr_port(&a->addr) == addr_port(&b->addr) &&
           (a->kind == LISTEN_TCP) == (b->kind == LISTEN_TCP);
}

static struct listen_spec *find_wildcard(struct generation *gen, const struct listen_spec *spec)
{
    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        if (s != spec && addr_is_wildcard(&s->addr) && same_port(s, spec) &&
            s->kind == spec->kind && s->family == spec->family &&
            s->addr.sa.sa_family == spec->addr.sa.sa_family)
            return s;
    return NULL;
}

static bool has_wildcard(const struct generation *gen)
{
    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        if (addr_is_wildcard(&s->addr))
            return true;
    return false;
}

void listener_merge(struct generation *gen)
{
    bool any = has_wildcard(gen); /* many addresses and none of them costs nothing */

    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next) {
        s->fd = -1;
        if (!any || !is_ip(&s->addr) || addr_is_wildcard(&s->addr) || s->bind)
            continue;
        s->through = find_wildcard(gen, s);
        s->merged = s->through != NULL;
    }
}

/* Descriptors of one spec ---------------------------------------------------------------------- */

static uint32_t fd_count(const struct listen_spec *s)
{
    return s->slot_fds != NULL ? s->slot_count : 1;
}

static int fd_at(const struct listen_spec *s, uint32_t i)
{
    return s->slot_fds != NULL ? s->slot_fds[i] : s->fd;
}

static void set_fd_at(struct listen_spec *s, uint32_t i, int fd)
{
    if (s->slot_fds != NULL)
        s->slot_fds[i] = fd;
    if (i == 0)
        s->fd = fd;
}

static const struct listen_spec *find_same(const struct generation *gen,
                                           const struct listen_spec *spec)
{
    if (gen == NULL)
        return NULL;
    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        if (!s->merged && s->kind == spec->kind && addr_eq(&s->addr, &spec->addr))
            return s;
    return NULL;
}

static void make_room(struct generation *gen, struct listen_spec *spec,
                      const struct listen_spec *old, const struct inheritance *inherited)
{
    uint32_t kept = 0;

    if (spec->slot_fds != NULL)
        return;
    if (old != NULL && old->slot_fds != NULL)
        kept = old->slot_count;
    if (old == NULL && inherited != NULL)
        kept = inherit_count(inherited, &spec->addr, spec->kind);
    /* One socket cannot take over what is queued in several. */
    spec->reuseport = spec->reuseport || kept > 1;
    if (!spec->reuseport)
        return;
    spec->slot_count = MAX(MAX(gen->slots, 1u), kept);
    spec->slot_fds = pool_alloc(gen->pool, spec->slot_count * sizeof(int));
    for (uint32_t i = 0; i < spec->slot_count; i++)
        spec->slot_fds[i] = -1;
}

/* A socket left over from before, for place i. */
static int find_kept(const struct listen_spec *spec, const struct listen_spec *old, uint32_t i,
                     struct inheritance *inherited)
{
    if (old != NULL)
        return i < fd_count(old) ? fd_at(old, i) : -1;
    return inherited != NULL ? inherit_take(inherited, &spec->addr, spec->kind) : -1;
}

/* A wildcard in place of addresses of before --------------------------------------------------- */

static struct listen_spec *find_any(const struct generation *gen, const struct listen_spec *spec)
{
    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next)
        if (s->kind == spec->kind && addr_eq(&s->addr, &spec->addr))
            return s;
    return NULL;
}

/* The same servers as at the wildcard, at one of its addresses. */
static void add_beside(struct generation *gen, struct listen_spec *wildcard,
                       const struct listen_spec *old)
{
    struct listen_spec *spec = pool_alloc(gen->pool, sizeof(*spec));

    *spec = *wildcard;
    spec->addr = old->addr;
    spec->text = pool_str(gen->pool, old->text);
    spec->reuseport = old->slot_fds != NULL;
    wildcard->next = spec;
}

/* Connections queue in the socket that was there first: it goes on beside the wildcard, for to
   close it would be to reset them. */
static void keep_replaced(struct generation *gen, const struct generation *before)
{
    if (before == NULL)
        return;
    for (const struct listen_spec *old = before->listens; old != NULL; old = old->next) {
        struct listen_spec *wildcard = find_wildcard(gen, old), *spec = find_any(gen, old);

        if (old->merged || wildcard == NULL || wildcard->merged || !is_ip(&old->addr))
            continue;
        if (spec == NULL)
            add_beside(gen, wildcard, old);
        else if (spec->merged) {
            spec->merged = false;
            spec->through = NULL;
        }
    }
}

/* Opening -------------------------------------------------------------------------------------- */

/* Nobody listens behind the file of a unix socket: a process that died left it. */
static bool is_stale(const struct listen_spec *spec)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;
    bool stale;

    if (fd < 0)
        return false;
    stale = lstat(spec->addr.un.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
            connect(fd, &spec->addr.sa, spec->addr.len) != 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static bool bind_unix(const struct listen_spec *spec, int fd)
{
    if (bind(fd, &spec->addr.sa, spec->addr.len) == 0)
        return true;
    if (errno != EADDRINUSE)
        return false;
    if (!is_stale(spec)) {
        errno = EADDRINUSE;
        return false;
    }
    log_error(&process_log, LOG_NOTICE, 0, "replacing stale socket %" STR_FMT,
              STR_ARG(spec->text));
    return unlink(spec->addr.un.sun_path) == 0 &&
           bind(fd, &spec->addr.sa, spec->addr.len) == 0;
}

/* Every socket of the port in `before` and `fd` itself allow, or no longer allow, others beside
   them. */
static bool allow_neighbours(const struct listen_spec *spec, const struct generation *before,
                             int fd, int on)
{
    bool found = false;

    if (before == NULL)
        return false;
    for (const struct listen_spec *s = before->listens; s != NULL; s = s->next) {
        if (s->merged || s->fd < 0 || s->reuseport || !same_port(s, spec))
            continue;
        setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
        found = true;
    }
    if (found && !spec->reuseport)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    return found;
}

static bool bind_and_listen(const struct listen_spec *spec, int fd)
{
    return bind(fd, &spec->addr.sa, spec->addr.len) == 0 &&
           (spec->kind != LISTEN_TCP || listen(fd, spec->backlog) == 0);
}

/* A wildcard that becomes specific addresses, or the other way round: for the time of a reload both
   generations listen on the port. */
static bool bind_beside(const struct listen_spec *spec, const struct generation *before, int fd)
{
    bool bound;
    int err;

    if (!allow_neighbours(spec, before, fd, 1)) {
        errno = EADDRINUSE;
        return false;
    }
    bound = bind_and_listen(spec, fd);
    err = errno;
    allow_neighbours(spec, before, fd, 0);
    errno = err;
    return bound;
}

static bool open_unix(const struct listen_spec *spec, int fd)
{
    if (!bind_unix(spec, fd))
        return false;
    /* Who may connect is up to the directory, as with nginx. */
    if (chmod(spec->addr.un.sun_path, 0666) != 0)
        log_error(&process_log, LOG_WARN, errno, "chmod() \"%s\" failed",
                  spec->addr.un.sun_path);
    return spec->kind != LISTEN_TCP || listen(fd, spec->backlog) == 0;
}

static bool open_ip(const struct listen_spec *spec, const struct generation *before, int fd)
{
    return bind_and_listen(spec, fd) ||
           (errno == EADDRINUSE && bind_beside(spec, before, fd));
}

static const char *help_against(int err, const struct addr *addr)
{
    if (err == EADDRINUSE)
        return " (somebody listens there already)";
    if (err == EADDRNOTAVAIL)
        return " (this machine has no such address)";
    if (err == EACCES && is_ip(addr))
        return " (low ports are for root, or take CAP_NET_BIND_SERVICE)";
    return "";
}

static enum rc report_failure(const struct listen_spec *spec, const char *call)
{
    struct conf_place place = conf_place(spec->node);
    const char *help = help_against(errno, &spec->addr);
    char where[PATH_MAX + 64] = "";
    int err = errno;

    if (place.file != NULL)
        snprintf(where, sizeof(where), " in %" STR_FMT ":%u:%u", STR_ARG(place.file->path),
                 place.line, place.col);
    log_error(&process_log, LOG_EMERG, 0, "%s to %" STR_FMT " failed (%d: %s)%s%s", call,
              STR_ARG(spec->text), err, strerror(err), where, help);
    return err == EADDRINUSE ? RC_AGAIN : RC_ERROR;
}

static enum rc open_socket(const struct listen_spec *spec, const struct generation *before,
                           int *out)
{
    int fd = socket_create(spec);
    bool is_open;
    enum rc rc;

    if (fd < 0)
        return report_failure(spec, "socket()");
    socket_set_options(spec, fd);
    privilege_raise(PRIVILEGE_BIND);
    is_open = is_ip(&spec->addr) ? open_ip(spec, before, fd) : open_unix(spec, fd);
    privilege_lower();
    if (!is_open) {
        rc = report_failure(spec, "bind()");
        close(fd);
        return rc;
    }
    *out = fd;
    return RC_OK;
}

static enum rc open_place(struct listen_spec *spec, uint32_t i, const struct generation *before,
                          struct inheritance *inherited)
{
    const struct listen_spec *old = find_same(before, spec);
    int fd = fd_at(spec, i);
    enum rc rc;

    if (fd >= 0)
        return RC_OK; /* from an earlier try */
    fd = find_kept(spec, old, i, inherited);
    if (fd >= 0) {
        spec->inherited = true;
        if (spec->reuseport)
            socket_allow_reuseport(fd);
    } else {
        rc = open_socket(spec, before, &fd);
        if (rc != RC_OK)
            return rc;
    }
    set_fd_at(spec, i, fd);
    return RC_OK;
}

static enum rc open_spec(struct generation *gen, struct listen_spec *spec,
                         const struct generation *before, struct inheritance *inherited)
{
    enum rc rc = RC_OK;

    make_room(gen, spec, find_same(before, spec), inherited);
    for (uint32_t i = 0; i < fd_count(spec) && rc == RC_OK; i++)
        rc = open_place(spec, i, before, inherited);
    return rc;
}

enum rc listener_open(struct generation *gen, const struct generation *before,
                      struct inheritance *inherited)
{
    enum rc rc, all = RC_OK;

    keep_replaced(gen, before);
    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next) {
        if (s->merged)
            continue;
        rc = open_spec(gen, s, before, inherited);
        if (rc != RC_OK && all != RC_ERROR)
            all = rc;
    }
    return all;
}

void listener_adopt(struct generation *gen)
{
    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next) {
        if (s->merged || !s->inherited)
            continue;
        for (uint32_t i = 0; i < fd_count(s); i++) {
            socket_set_options(s, fd_at(s, i));
            if (s->kind == LISTEN_TCP && listen(fd_at(s, i), s->backlog) != 0)
                log_error(&process_log, LOG_ALERT, errno,
                          "listen() to %" STR_FMT ", backlog %d failed, ignored",
                          STR_ARG(s->text), s->backlog);
        }
    }
}

/* Closing -------------------------------------------------------------------------------------- */

void listener_retire(const struct generation *gen, const struct generation *keep,
                     void (*each)(void *arg, uint32_t index), void *arg)
{
    uint32_t index = 0;

    for (const struct listen_spec *s = gen->listens; s != NULL; s = s->next, index++) {
        if (s->merged || s->kind != LISTEN_TCP || find_same(keep, s) != NULL)
            continue;
        for (uint32_t i = 0; i < fd_count(s); i++)
            socket_refuse_new(s, fd_at(s, i));
        each(arg, index);
    }
}

static bool has_fd(const struct listen_spec *spec, int fd)
{
    for (uint32_t i = 0; i < fd_count(spec); i++)
        if (fd_at(spec, i) == fd)
            return true;
    return false;
}

static void remove_file(const struct listen_spec *spec)
{
    privilege_raise(PRIVILEGE_FILES);
    if (unlink(spec->addr.un.sun_path) != 0 && errno != ENOENT)
        log_error(&process_log, LOG_ALERT, errno, "unlink() \"%s\" failed",
                  spec->addr.un.sun_path);
    privilege_lower();
}

void listener_close(struct generation *gen, const struct generation *keep, bool remove_files)
{
    for (struct listen_spec *s = gen->listens; s != NULL; s = s->next) {
        const struct listen_spec *kept = find_same(keep, s);

        if (s->merged)
            continue;
        for (uint32_t i = 0; i < fd_count(s); i++) {
            if (fd_at(s, i) >= 0 && (kept == NULL || !has_fd(kept, fd_at(s, i))))
                close(fd_at(s, i));
        }
        if (remove_files && kept == NULL && s->fd >= 0 && !is_ip(&s->addr))
            remove_file(s);
        for (uint32_t i = 0; i < fd_count(s); i++)
            set_fd_at(s, i, -1);
    }
}
