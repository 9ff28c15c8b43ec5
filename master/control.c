/*
 * master/control.c - the control socket.
 *
 * It is bound beside its place and renamed, so that one that a dead master left is replaced at
 * once, and in a binary upgrade the new master takes the path from the old one. That one makes it
 * anew should the upgrade be taken back.
 */
#include "master/control.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "master/master.h"
#include "master/privilege.h"

#define ENV_KEEPER   "WEIR_KEEPER" /* to a new binary: ours had one for changes at run time */
#define BACKLOG      64
#define SAYS_MS      5000  /* what a client may take to say its line */
#define KEEPER_MS    10000 /* and the keeper to come */
#define REST_MS      1000
#define HANDED_MOST  64    /* connections that a keeper has not taken */

static const struct {
    const char *line;
    enum control_verb verb;
} verbs[] = {
    {"!reload", CONTROL_RELOAD}, {"!reopen", CONTROL_REOPEN}, {"!quit", CONTROL_QUIT},
    {"!stop", CONTROL_STOP},     {"!upgrade", CONTROL_UPGRADE},
};

void control_init(struct control *c)
{
    *c = (struct control){.fd = -1, .used = getenv(ENV_KEEPER) != NULL};
    unsetenv(ENV_KEEPER);
}

void control_hand_over(const struct control *c)
{
    if (c->used)
        setenv(ENV_KEEPER, "1", 1);
}

/* The file ------------------------------------------------------------------------------------- */

static bool is_at_place(const struct control *c)
{
    struct stat st;

    return c->fd >= 0 && lstat(c->path, &st) == 0 && st.st_dev == c->dev && st.st_ino == c->ino;
}

static void leave_place(struct control *c)
{
    privilege_raise(PRIVILEGE_FILES);
    if (is_at_place(c))
        unlink(c->path);
    privilege_lower();
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->path);
    c->path = NULL;
}

static bool complain(const char *call, const char *path)
{
    log_error(&process_log, LOG_WARN, errno, "no control socket: %s \"%s\" failed", call, path);
    return false;
}

static bool bind_at(int fd, const char *path)
{
    struct sockaddr_un name;
    mode_t before;
    int dir;
    bool bound = control_address(&name, path, &dir);

    if (!bound) {
        errno = ENAMETOOLONG;
    } else {
        unlink(path);
        before = umask(0177);
        bound = bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
        umask(before);
    }
    if (dir >= 0)
        close(dir);
    return bound;
}

/* Its file is at `aside` so far. */
static bool settle(struct control *c, const char *aside, const char *path)
{
    struct stat st;

    if (listen(c->fd, BACKLOG) != 0 || lstat(aside, &st) != 0)
        return complain("listen()", path);
    c->dev = st.st_dev;
    c->ino = st.st_ino;
    if (rename(aside, path) == 0)
        return true;
    complain("rename()", path);
    unlink(aside);
    return false;
}

static void create(struct control *c, const char *path)
{
    char aside[PATH_MAX];

    if (snprintf(aside, sizeof(aside), "%s.%d", path, (int)getpid()) >= (int)sizeof(aside)) {
        errno = ENAMETOOLONG;
        complain("bind()", path);
        return;
    }
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    privilege_raise(PRIVILEGE_FILES);
    if (c->fd < 0 || !bind_at(c->fd, aside))
        complain("bind()", path);
    else if (settle(c, aside, path))
        c->path = strdup(path);
    privilege_lower();
    if (c->path != NULL || c->fd < 0)
        return;
    close(c->fd);
    c->fd = -1;
}

void control_open(struct master *m)
{
    const struct core_conf *core = core_conf(m->gen);
    struct control *c = &m->control;
    bool wanted = core->control_path.len > 0 && (!m->no_pidfile || core->control_given);

    if (wanted && c->path != NULL && strcmp(c->path, core->control_path.data) == 0 &&
        is_at_place(c))
        return;
    leave_place(c);
    if (wanted)
        create(c, core->control_path.data);
}

/* Connections ---------------------------------------------------------------------------------- */

void control_answer(int fd, bool ok, struct str text)
{
    struct iovec parts[] = {{(char *)(uintptr_t)(ok ? CONTROL_OK : CONTROL_NO), 3},
                            {(char *)(uintptr_t)text.data, text.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = text.len > 0 ? 2 : 1};

    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug(&process_log, "no answer to a control connection: %s", strerrordesc_np(errno));
    close(fd);
}

static void forget(struct control *c, uint32_t i)
{
    c->clients[i] = c->clients[--c->count];
}

static bool is_allowed(int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    if (who.uid == 0 || who.uid == geteuid())
        return true;
    log_error(&process_log, LOG_WARN, 0, "control connection of process %d, user %u, refused",
              (int)who.pid, (unsigned)who.uid);
    return false;
}

/* Who has said nothing for longest gives way to who comes. */
static void make_room(struct control *c)
{
    uint32_t oldest = CONTROL_CLIENTS;

    if (c->count < CONTROL_CLIENTS)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct control_client *client = &c->clients[i];

        if (!client->for_keeper && (oldest == CONTROL_CLIENTS ||
                                    client->deadline_ms < c->clients[oldest].deadline_ms))
            oldest = i;
    }
    must(oldest < CONTROL_CLIENTS);
    close(c->clients[oldest].fd);
    forget(c, oldest);
}

static bool may_accept(const struct control *c)
{
    uint32_t silent = 0;

    for (uint32_t i = 0; i < c->count; i++)
        silent += !c->clients[i].for_keeper;
    return c->fd >= 0 && clock_mono_ms >= c->rest_until_ms &&
           (c->count < CONTROL_CLIENTS || silent > 0);
}

/* A few at a time: they may have said already what they want. */
static void accept_some(struct control *c)
{
    for (int most = CONTROL_CLIENTS / 2; most > 0 && may_accept(c); most--) {
        int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN)
                c->rest_until_ms = clock_mono_ms + REST_MS;
            return;
        }
        if (!is_allowed(fd)) {
            control_answer(fd, false, STR("only root may control this server\n"));
            continue;
        }
        make_room(c);
        c->clients[c->count++] = (struct control_client){
            .fd = fd, .deadline_ms = clock_mono_ms + SAYS_MS};
    }
}

/* For the keeper ------------------------------------------------------------------------------- */

static struct child_proc *find_keeper(const struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (crew->children[i].role->takes_control && crew->children[i].want == WANT_RUN)
            return &crew->children[i];
    return NULL;
}

/* Asked for once, it is part of every crew. */
static void want_keeper(struct master *m)
{
    if (m->control.used && m->serving != NULL && !m->resting && m->will == WILL_SERVE &&
        find_keeper(m->serving) == NULL)
        crew_add_keeper(m->serving);
}

static unsigned count_handed(const struct child_proc *keeper)
{
    unsigned count = 0;

    for (const struct queued_msg *q = keeper->queue; q != NULL; q = q->next)
        count += q->msg.type == CHANNEL_CONTROL;
    return count;
}

/* It has died, and we have not yet heard of it. */
static bool is_dead(const struct child_proc *keeper)
{
    struct pollfd p = {.fd = keeper->channel};

    return keeper->channel < 0 || (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0);
}

/* True when the connection is no longer ours. */
static bool hand_over(struct master *m, const struct control_client *client)
{
    struct child_proc *keeper = m->serving == NULL ? NULL : find_keeper(m->serving);

    if (keeper == NULL || !child_is_serving(keeper) || is_dead(keeper))
        return false;
    if (count_handed(keeper) >= HANDED_MOST) {
        control_answer(client->fd, false, STR("too many connections: try again\n"));
        return true;
    }
    child_tell(keeper, CHANNEL_CONTROL, 0, client->fd);
    close(client->fd);
    return true;
}

/* Verbs ---------------------------------------------------------------------------------------- */

static enum control_verb find_verb(struct str line)
{
    for (size_t i = 0; i < COUNT(verbs); i++)
        if (str_eq(line, str_of(verbs[i].line)))
            return verbs[i].verb;
    return CONTROL_NONE;
}

enum heard { HEARD_NOTHING, HEARD_VERB, HEARD_KEEPER, HEARD_END };

/* Reads a line that is ours, and no more. */
static enum heard read_line(struct control_client *client, enum control_verb *verb)
{
    ssize_t n;

    while (client->len < sizeof(client->line)) {
        n = recv(client->fd, client->line + client->len, 1, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return HEARD_NOTHING;
        if (n <= 0)
            return HEARD_END;
        if (client->line[client->len] == '\n')
            break;
        client->len++;
    }
    *verb = find_verb((struct str){client->line, client->len});
    return HEARD_VERB;
}

static enum heard hear(struct control_client *client, enum control_verb *verb)
{
    char first;
    ssize_t n;

    if (client->for_keeper)
        return HEARD_KEEPER;
    if (client->len > 0)
        return read_line(client, verb);
    n = recv(client->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return HEARD_NOTHING;
    if (n <= 0)
        return HEARD_END;
    return first == CONTROL_MASTER ? read_line(client, verb) : HEARD_KEEPER;
}

/* True when the connection is no longer ours, or its verb is to be obeyed. */
static bool serve(struct master *m, struct control_client *client, enum control_verb *verb)
{
    bool late = clock_mono_ms >= client->deadline_ms;

    switch (hear(client, verb)) {
    case HEARD_VERB:
        if (*verb == CONTROL_NONE)
            control_answer(client->fd, false, STR("there is no such command\n"));
        return true;
    case HEARD_KEEPER:
        if (!client->for_keeper)
            client->deadline_ms = clock_mono_ms + KEEPER_MS;
        client->for_keeper = m->control.used = true;
        want_keeper(m);
        if (hand_over(m, client))
            return true;
        late = clock_mono_ms >= client->deadline_ms;
        if (late)
            control_answer(client->fd, false, STR("there is no keeper now: see the log\n"));
        return late;
    case HEARD_NOTHING:
        if (late)
            close(client->fd);
        return late;
    case HEARD_END:
        break;
    }
    close(client->fd);
    return true;
}

static enum control_verb serve_all(struct master *m, int *fd)
{
    struct control *c = &m->control;
    enum control_verb verb = CONTROL_NONE;

    for (uint32_t i = 0; i < c->count && verb == CONTROL_NONE;) {
        *fd = c->clients[i].fd;
        if (serve(m, &c->clients[i], &verb))
            forget(c, i);
        else
            i++;
    }
    return verb;
}

/* Those who are here come first: nobody who has said what he wants may have to give way. */
enum control_verb control_next(struct master *m, int *fd)
{
    enum control_verb verb;

    want_keeper(m);
    verb = serve_all(m, fd);
    if (verb != CONTROL_NONE)
        return verb;
    accept_some(&m->control);
    return serve_all(m, fd);
}

/* Waiting -------------------------------------------------------------------------------------- */

void control_watch(const struct control *c, void (*watch)(void *arg, int fd), void *arg)
{
    if (may_accept(c))
        watch(arg, c->fd);
    for (uint32_t i = 0; i < c->count; i++)
        if (!c->clients[i].for_keeper)
            watch(arg, c->clients[i].fd);
}

int64_t control_deadline(const struct control *c, int64_t otherwise_ms)
{
    if (c->fd >= 0 && c->rest_until_ms > clock_mono_ms)
        otherwise_ms = MIN(otherwise_ms, c->rest_until_ms);
    for (uint32_t i = 0; i < c->count; i++)
        otherwise_ms = MIN(otherwise_ms, c->clients[i].deadline_ms);
    return otherwise_ms;
}

/* The end -------------------------------------------------------------------------------------- */

void control_forget(struct control *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    for (uint32_t i = 0; i < c->count; i++)
        close(c->clients[i].fd);
    c->count = 0;
}

void control_close(struct master *m)
{
    leave_place(&m->control);
    control_forget(&m->control);
}
