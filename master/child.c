/*
 * master/child.c - spawn, serve, drain, die, rest, spawn again.
 *
 * A child that dies at once, over and over, rests longer and longer before its next life. In a crew
 * on trial the first death before readiness ends the trial: nothing is respawned.
 */
#include "master/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "master/crew.h"
#include "master/master.h"
#include "master/privilege.h"
#include "master/rotate.h"
#include "master/spawn.h"

#define QUICK_MS        1000   /* a life shorter than this counts as a quick death */
#define QUICK_ALLOWED   3      /* such deaths before the child has to rest */
#define REST_FIRST_MS   100
#define REST_MAX_MS     10000
#define QUIT_WITHIN_MS  1000   /* then it is killed, as nginx does */
#define EXIT_FATAL      2      /* a child says so: it would not go better next time */

enum child_state { SPAWN, STARTING, SERVING, DRAINING, QUITTING, KILLING, RESTING, GONE, STATES };

/* Messages ------------------------------------------------------------------------------------- */

static void drop_channel(struct child_proc *c)
{
    struct queued_msg *q;

    if (c->channel >= 0)
        close(c->channel);
    c->channel = -1;
    while ((q = c->queue) != NULL) {
        c->queue = q->next;
        if (q->msg.fd >= 0)
            close(q->msg.fd);
        free(q);
    }
}

/* A file that has been replaced again makes the message about the one before it pointless: who does
   not read holds no more descriptors than there are files, or sets of them. */
static bool supersede(struct child_proc *c, const struct channel_msg *msg)
{
    struct queued_msg *q = c->queue;

    if (msg->type != CHANNEL_REOPEN_LOG && msg->type != CHANNEL_FILES)
        return false;
    while (q != NULL && (q->msg.type != msg->type || q->msg.number != msg->number))
        q = q->next;
    if (q == NULL || q->msg.fd < 0)
        return false;
    return dup3(msg->fd, q->msg.fd, O_CLOEXEC) >= 0;
}

static void enqueue(struct child_proc *c, const struct channel_msg *msg)
{
    struct queued_msg *q, **last = &c->queue;

    if (supersede(c, msg))
        return;
    q = calloc(1, sizeof(*q));
    if (q == NULL) {
        log_error(&process_log, LOG_ALERT, ENOMEM, "message to %s %d lost", c->role->name,
                  (int)c->pid);
        return;
    }
    q->msg = *msg;
    if (msg->fd >= 0)
        q->msg.fd = fcntl(msg->fd, F_DUPFD_CLOEXEC, 3);
    while (*last != NULL)
        last = &(*last)->next;
    *last = q;
}

void child_tell(struct child_proc *c, enum channel_type type, int64_t number, int fd)
{
    struct channel_msg msg = {.type = type, .slot = c->slot, .generation = c->crew->number,
                              .number = number, .fd = fd};

    if (c->channel < 0)
        return;
    if (c->queue != NULL || channel_send(c->channel, &msg) == RC_AGAIN)
        enqueue(c, &msg);
}

void child_flush(struct child_proc *c)
{
    while (c->queue != NULL && c->channel >= 0) {
        struct queued_msg *q = c->queue;

        if (channel_send(c->channel, &q->msg) == RC_AGAIN)
            return;
        c->queue = q->next;
        if (q->msg.fd >= 0)
            close(q->msg.fd);
        free(q);
    }
}

static void take_message(struct child_proc *c, const struct channel_msg *msg)
{
    switch (msg->type) {
    case CHANNEL_READY:
        c->ready = true;
        break;
    case CHANNEL_FAILED:
        c->failed = true;
        c->failed_errno = (int)msg->number;
        break;
    case CHANNEL_ROTATE_LOG:
        rotate_note(c, msg->number);
        break;
    case CHANNEL_CLOSED:
        c->closed = true;
        break;
    case CHANNEL_DRAINED:
        break; /* its exit follows */
    default:
        log_error(&process_log, LOG_ALERT, 0, "unknown message %u from %s %d", msg->type,
                  c->role->name, (int)c->pid);
    }
    if (msg->fd >= 0)
        close(msg->fd);
}

void child_listen(struct child_proc *c)
{
    struct channel_msg msg;
    enum rc rc = RC_AGAIN;

    while (c->channel >= 0 && (rc = channel_receive(c->channel, &msg)) == RC_OK)
        take_message(c, &msg);
    if (rc == RC_ERROR)
        drop_channel(c);
}

/* Death ---------------------------------------------------------------------------------------- */

void child_note_exit(struct child_proc *c, int status)
{
    child_listen(c); /* its last words */
    c->exited = true;
    c->status = status;
}

static void log_death(const struct child_proc *c)
{
    const char *name = c->role->name;
    int status = c->status;

    if (WIFSIGNALED(status) && c->life.state == KILLING)
        log_error(&process_log, LOG_WARN, 0, "%s %d did not quit in time and was killed", name,
                  (int)c->pid);
    else if (WIFSIGNALED(status))
        log_error(&process_log, LOG_ALERT, 0, "%s %d exited on signal %d%s", name, (int)c->pid,
                  WTERMSIG(status), WCOREDUMP(status) ? " (core dumped)" : "");
    else
        log_error(&process_log, LOG_NOTICE, 0, "%s %d exited with code %d", name, (int)c->pid,
                  WEXITSTATUS(status));
}

static bool is_fatal(const struct child_proc *c)
{
    return !c->ready && WIFEXITED(c->status) && WEXITSTATUS(c->status) == EXIT_FATAL;
}

static void log_stillbirth(const struct child_proc *c)
{
    if (c->failed)
        log_error(&process_log, LOG_EMERG, c->failed_errno, "%s %d cannot serve", c->role->name,
                  (int)c->pid);
    else
        log_error(&process_log, LOG_EMERG, 0, "%s %d died before it was ready", c->role->name,
                  (int)c->pid);
}

/* That was done to it: it says nothing of the configuration. */
static bool was_killed(const struct child_proc *c)
{
    return WIFSIGNALED(c->status) && WTERMSIG(c->status) == SIGKILL;
}

static bool died_at_once(const struct child_proc *c)
{
    return clock_mono_ms - c->born_ms < QUICK_MS && !(c->ready && was_killed(c));
}

/* What follows a death that nobody asked for. */
static int after_death(struct child_proc *c)
{
    if (c->want != WANT_RUN)
        return GONE;
    if (c->crew->on_trial && !c->ready && !was_killed(c)) {
        log_stillbirth(c);
        c->stillborn = true;
        return GONE;
    }
    if (is_fatal(c)) {
        log_error(&process_log, LOG_ALERT, 0,
                  "%s %d exited with fatal code %d and is respawned later", c->role->name,
                  (int)c->pid, EXIT_FATAL);
        c->quick_deaths = MAX(c->quick_deaths, QUICK_ALLOWED);
    }
    c->quick_deaths = died_at_once(c) ? c->quick_deaths + 1 : 0;
    return c->quick_deaths > QUICK_ALLOWED ? RESTING : SPAWN;
}

static int bury(struct child_proc *c)
{
    int next;

    log_death(c);
    next = after_death(c);
    drop_channel(c);
    c->respawned = c->respawned || next != GONE;
    c->pid = 0;
    return next;
}

/* Steps ---------------------------------------------------------------------------------------- */

static int spawn_it(void *about)
{
    struct child_proc *c = about;

    if (c->want != WANT_RUN)
        return GONE;
    c->ready = c->failed = c->closed = c->exited = false;
    c->born_ms = clock_mono_ms;
    if (spawn_child(c))
        return STARTING;
    c->quick_deaths++;
    c->stillborn = c->crew->on_trial;
    return c->stillborn ? GONE : RESTING;
}

/* What the crew wants of a process that runs. */
static int obey(const struct child_proc *c, int otherwise)
{
    switch (c->want) {
    case WANT_DRAIN:
        return DRAINING;
    case WANT_QUIT:
        return QUITTING;
    case WANT_RUN:
        break;
    }
    return otherwise;
}

static int await_ready(void *about)
{
    struct child_proc *c = about;

    if (c->exited)
        return bury(c);
    return obey(c, c->ready ? SERVING : STARTING);
}

static int serve(void *about)
{
    struct child_proc *c = about;

    return c->exited ? bury(c) : obey(c, SERVING);
}

static int drain(void *about)
{
    struct child_proc *c = about;

    return c->exited ? bury(c) : obey(c, DRAINING);
}

static int quit(void *about)
{
    struct child_proc *c = about;

    if (c->exited)
        return bury(c);
    return machine_is_late(&c->life) ? KILLING : QUITTING;
}

static int die(void *about)
{
    struct child_proc *c = about;

    return c->exited ? bury(c) : KILLING;
}

static int rest(void *about)
{
    struct child_proc *c = about;

    if (c->want != WANT_RUN)
        return GONE;
    return machine_is_late(&c->life) ? SPAWN : RESTING;
}

static int stay_gone(void *about)
{
    return GONE;
}

/* On the way in -------------------------------------------------------------------------------- */

static void tell_drain(void *about)
{
    struct child_proc *c = about;

    child_tell(c, CHANNEL_DRAIN, c->crew->has_successor ? 1 : 0, -1);
}

static void tell_quit(void *about)
{
    child_tell(about, CHANNEL_QUIT, 0, -1);
}

static void kill_it(void *about)
{
    struct child_proc *c = about;

    privilege_raise(PRIVILEGE_KILL);
    if (kill(c->pid, SIGKILL) != 0)
        log_error(&process_log, LOG_ALERT, errno, "kill(%d, SIGKILL) failed", (int)c->pid);
    privilege_lower();
}

static void begin_rest(void *about)
{
    struct child_proc *c = about;
    int doublings = MIN(MAX(c->quick_deaths - QUICK_ALLOWED - 1, 0), 10);
    int64_t rest_ms = MIN((int64_t)REST_FIRST_MS << doublings, REST_MAX_MS);

    log_error(&process_log, LOG_WARN, 0, "%s dies at once: next try in %d ms", c->role->name,
              (int)rest_ms);
    machine_wait(&c->life, rest_ms);
}

static void leave_row(void *about)
{
    struct child_proc *c = about;

    crew_release_row(c->crew, c);
}

static const struct machine_step steps[STATES] = {
    /* name, step, may lead to, bounded by, on the way in */
    [SPAWN]    = {"spawn", spawn_it, BIT(STARTING) | BIT(RESTING) | BIT(GONE), 0, NULL},
    [STARTING] = {"starting", await_ready, BIT(SERVING) | BIT(DRAINING) | BIT(QUITTING) |
                  BIT(SPAWN) | BIT(RESTING) | BIT(GONE), 0, NULL},
    [SERVING]  = {"serving", serve, BIT(DRAINING) | BIT(QUITTING) | BIT(SPAWN) | BIT(RESTING) |
                  BIT(GONE), 0, NULL},
    [DRAINING] = {"draining", drain, BIT(QUITTING) | BIT(GONE), 0, tell_drain},
    [QUITTING] = {"quitting", quit, BIT(KILLING) | BIT(GONE), QUIT_WITHIN_MS, tell_quit},
    [KILLING]  = {"killing", die, BIT(GONE), 0, kill_it},
    [RESTING]  = {"resting", rest, BIT(SPAWN) | BIT(GONE), 0, begin_rest},
    [GONE]     = {"gone", stay_gone, 0, 0, leave_row},
};

void child_init(struct child_proc *c, struct crew *crew, const struct role *role, uint32_t slot)
{
    *c = (struct child_proc){.crew = crew, .role = role, .slot = slot, .channel = -1};
    machine_init(&c->life, steps, "child", c, SPAWN);
}

bool child_is_gone(const struct child_proc *c)
{
    return c->life.state == GONE;
}

bool child_is_serving(const struct child_proc *c)
{
    return c->life.state == SERVING;
}

void child_fini(struct child_proc *c)
{
    drop_channel(c);
}
