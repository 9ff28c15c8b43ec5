/*
 * master/supervise.c - what wakes the master, and what it does about it.
 */
#include "master/supervise.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/sig.h"
#include "master/file_watch.h"
#include "master/listener.h"
#include "master/master.h"
#include "master/notify.h"
#include "master/reopen.h"
#include "master/rotate.h"
#include "master/signals.h"

/* Signals -------------------------------------------------------------------------------------- */

static void log_signal(const struct signalfd_siginfo *info, const char *action)
{
    if (info->ssi_pid != 0)
        log_error(&process_log, LOG_NOTICE, 0, "signal %u (%s) received from %u%s",
                  info->ssi_signo, sig_name((int)info->ssi_signo), info->ssi_pid, action);
    else
        log_error(&process_log, LOG_NOTICE, 0, "signal %u (%s) received%s", info->ssi_signo,
                  sig_name((int)info->ssi_signo), action);
}

static void want_all(struct master *m, enum child_want want)
{
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        crew_want(crew, want, m->upgrade.pid != 0);
}

static void leave(struct master *m, enum will will)
{
    if (m->will == WILL_SERVE && m->upgrade.pid == 0)
        notify_stopping();
    m->will = MAX(m->will, will);
    want_all(m, m->will == WILL_LEAVE ? WANT_DRAIN : WANT_QUIT);
    /* Nobody is to wait in a queue that nobody serves. */
    if (m->gen != NULL)
        listener_close(m->gen, m->reload.gen, master_owns_files(m));
}

static void reconfigure(struct master *m)
{
    if (m->resting && m->will == WILL_SERVE) {
        waiters_begin(&m->waiters);
        master_wake(m);
        waiters_answer(&m->waiters, true);
    } else {
        m->reload.asked = true;
    }
}

static void hang_up(struct master *m, const struct signalfd_siginfo *info)
{
    if (info->ssi_code == SI_QUEUE)
        waiters_add(&m->waiters, (pid_t)info->ssi_pid, info->ssi_int);
    reconfigure(m);
}

/* A terminal that changes its size must not stop a server in its foreground. */
static void winch(struct master *m, const struct signalfd_siginfo *info)
{
    if (!m->daemonized || m->gen == NULL || m->will != WILL_SERVE) {
        log_signal(info, ", ignored");
        return;
    }
    log_signal(info, ", stop accepting connections");
    master_rest(m);
}

static void note_exit(struct master *m, pid_t pid, int status)
{
    struct child_proc *c = crew_find(m->crews, pid);

    if (c != NULL)
        child_note_exit(c, status);
    if (pid != m->upgrade.pid || m->upgrade.ended)
        return;
    m->upgrade.ended = true;
    m->upgrade.status = status;
}

static void reap(struct master *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        note_exit(m, pid, status);
}

static void take_signal(struct master *m, const struct signalfd_siginfo *info)
{
    switch (info->ssi_signo) {
    case SIGHUP:
        log_signal(info, ", reconfiguring");
        hang_up(m, info);
        break;
    case SIGQUIT:
        log_signal(info, ", shutting down");
        leave(m, WILL_LEAVE);
        break;
    case SIGTERM:
    case SIGINT:
        log_signal(info, ", exiting");
        leave(m, WILL_LEAVE_AT_ONCE);
        break;
    case SIGUSR1:
        log_signal(info, ", reopening logs");
        reopen_logs(m);
        break;
    case SIGUSR2:
        log_signal(info, ", changing binary");
        m->upgrade.asked = true;
        break;
    case SIGWINCH:
        winch(m, info);
        break;
    case SIGCHLD:
        log_signal(info, "");
        reap(m);
        break;
    }
}

static void read_signals(struct master *m)
{
    struct signalfd_siginfo info;

    while (signals_next(m->signal_fd, &info))
        take_signal(m, &info);
}

/* The control socket --------------------------------------------------------------------------- */

static void upgrade(struct master *m, int fd)
{
    bool free = m->upgrade.pid == 0 && !master_has_old(m);

    m->upgrade.asked = free;
    control_answer(fd, free, free ? STR_NONE
                                  : STR("a binary upgrade is under way: end the old or the new "
                                        "master process first\n"));
}

static void obey(struct master *m, enum control_verb verb, int fd)
{
    if (m->will != WILL_SERVE && verb != CONTROL_STOP) {
        control_answer(fd, false, STR("the server is about to end\n"));
        return;
    }
    switch (verb) {
    case CONTROL_RELOAD:
        waiters_add_connection(&m->waiters, fd);
        reconfigure(m);
        break;
    case CONTROL_REOPEN:
        reopen_logs(m);
        control_answer(fd, true, STR_NONE);
        break;
    case CONTROL_QUIT:
    case CONTROL_STOP:
        leave(m, verb == CONTROL_QUIT ? WILL_LEAVE : WILL_LEAVE_AT_ONCE);
        control_answer(fd, true, STR_NONE);
        break;
    case CONTROL_UPGRADE:
        upgrade(m, fd);
        break;
    case CONTROL_NONE:
        break;
    }
}

/* True if there is something new to do. */
static bool take_control(struct master *m)
{
    const struct crew *crew = m->serving;
    uint32_t children = crew == NULL ? 0 : crew->count;
    enum control_verb verb;
    bool obeyed = false;
    int fd;

    while ((verb = control_next(m, &fd)) != CONTROL_NONE) {
        static const char *const names[] = {"", "reload", "reopen", "quit", "stop", "upgrade"};

        log_error(&process_log, LOG_NOTICE, 0, "control: %s", names[verb]);
        obey(m, verb, fd);
        obeyed = true;
    }
    return obeyed || (m->serving == crew && crew != NULL && crew->count != children);
}

/* Machines ------------------------------------------------------------------------------------- */

static bool run_all(struct master *m)
{
    bool moved = false;

    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        moved = crew_run(crew) || moved;
    moved = machine_run(&m->reload.machine) || moved;
    moved = machine_run(&m->upgrade.machine) || moved;
    moved = take_control(m) || moved;
    /* What a failed start or a late signal decided holds for every crew. */
    if (m->will != WILL_SERVE)
        want_all(m, m->will == WILL_LEAVE ? WANT_DRAIN : WANT_QUIT);
    return moved;
}

static void run_machines(struct master *m)
{
    while (run_all(m))
        master_collect(m);
    master_collect(m);
}

/* Waiting -------------------------------------------------------------------------------------- */

struct watch {
    struct pollfd *fds;
    struct child_proc **children; /* beside fds; NULL at the signals' place */
    size_t count, room;
};

static void watch_fd(struct watch *w, int fd, short events, struct child_proc *c)
{
    if (w->count == w->room) {
        w->room = w->room * 2 + 16;
        w->fds = reallocarray(w->fds, w->room, sizeof(*w->fds));
        w->children = reallocarray(w->children, w->room, sizeof(*w->children));
        must(w->fds != NULL && w->children != NULL);
    }
    w->fds[w->count] = (struct pollfd){.fd = fd, .events = events};
    w->children[w->count++] = c;
}

static void watch_children(struct watch *w, struct crew *crew)
{
    for (uint32_t i = 0; i < crew->count; i++) {
        struct child_proc *c = &crew->children[i];

        if (c->channel >= 0)
            watch_fd(w, c->channel, c->queue != NULL ? POLLIN | POLLOUT : POLLIN, c);
    }
}

static void watch_control(void *w, int fd)
{
    watch_fd(w, fd, POLLIN, NULL);
}

static int64_t sooner(int64_t deadline_ms, const struct machine *machine)
{
    if (machine->deadline_ms == 0)
        return deadline_ms;
    return MIN(deadline_ms, machine->deadline_ms);
}

static int wait_ms(const struct master *m)
{
    int64_t deadline_ms = file_watch_deadline(m, rotate_deadline(m, INT64_MAX));

    deadline_ms = control_deadline(&m->control, sooner(deadline_ms, &m->reload.machine));
    for (const struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        for (uint32_t i = 0; i < crew->count; i++)
            deadline_ms = sooner(deadline_ms, &crew->children[i].life);
    if (deadline_ms == INT64_MAX)
        return -1;
    return (int)MIN(MAX(deadline_ms - clock_mono_ms, 0), INT_MAX);
}

static void hear_children(const struct watch *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->children[i] == NULL || w->fds[i].revents == 0)
            continue;
        child_flush(w->children[i]);
        child_listen(w->children[i]);
    }
}

static void wait_for_something(struct master *m, struct watch *w)
{
    w->count = 0;
    watch_fd(w, m->signal_fd, POLLIN, NULL);
    watch_fd(w, file_watch_fd(m), POLLIN, NULL); /* poll() overlooks one that is -1 */
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        watch_children(w, crew);
    control_watch(&m->control, watch_control, w);
    if (poll(w->fds, (nfds_t)w->count, wait_ms(m)) < 0 && errno != EINTR)
        log_error(&process_log, LOG_ALERT, errno, "poll() failed");
    clock_update();
    hear_children(w);
    read_signals(m);
    rotate_logs(m);
    file_watch_run(m);
}

static bool is_over(const struct master *m)
{
    return m->will != WILL_SERVE && m->crews == NULL;
}

void supervise(struct master *m)
{
    struct watch watch = {0};

    clock_update();
    for (run_machines(m); !is_over(m); run_machines(m))
        wait_for_something(m, &watch);
    free(watch.fds);
    free(watch.children);
}
