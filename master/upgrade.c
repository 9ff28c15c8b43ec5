/*
 * master/upgrade.c - the binary upgrade as a machine.
 */
#include "master/upgrade.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/log.h"
#include "common/sig.h"
#include "master/master.h"
#include "master/pidfile.h"

/* Generation numbers left to us, should we go on: a slot and a number name one process. */
#define NUMBERS_LEFT 1000

enum upgrade_state { IDLE, EXEC, BESIDE, BACK, STATES };

NORETURN static void execute(struct master *m)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    char **env;

    control_hand_over(&m->control);
    env = inherit_environment(m->gen, &m->slots, pool, m->next_generation);
    log_after_fork();
    sig_reset_all();
    execve(m->binary, m->argv, env);
    log_error(&process_log, LOG_ALERT, errno,
              "execve() failed while executing new binary process \"%s\"", m->binary);
    _exit(1);
}

/* Steps ---------------------------------------------------------------------------------------- */

static bool is_allowed(const struct master *m)
{
    if (m->will == WILL_SERVE && !master_has_old(m))
        return true;
    log_error(&process_log, LOG_CRIT, 0,
              "the changing binary signal is ignored: you should shutdown or terminate before "
              "either old or new binary's process");
    return false;
}

static int idle(void *about)
{
    struct master *m = about;

    if (!m->upgrade.asked || m->gen == NULL)
        return IDLE; /* while we start ourselves there is nothing to hand over */
    m->upgrade.asked = false;
    return is_allowed(m) ? EXEC : IDLE;
}

static int execute_new(void *about)
{
    struct master *m = about;
    pid_t pid;

    if (m->pid_path != NULL && !pidfile_rename(m->pid_path, true))
        return IDLE;
    m->next_generation += NUMBERS_LEFT;
    pid = fork();
    if (pid == 0)
        execute(m);
    m->next_generation -= NUMBERS_LEFT;
    if (pid < 0) {
        log_error(&process_log, LOG_ALERT, errno, "fork() failed while starting a new binary");
        return BACK;
    }
    m->upgrade.pid = pid;
    m->upgrade.ended = false;
    log_error(&process_log, LOG_NOTICE, 0, "start new binary process %d", (int)pid);
    return BESIDE;
}

static int serve_beside(void *about)
{
    struct master *m = about;

    if (m->upgrade.asked) {
        m->upgrade.asked = false;
        log_error(&process_log, LOG_CRIT, 0,
                  "the changing binary signal is ignored: process %d is the new binary's",
                  (int)m->upgrade.pid);
    }
    return m->upgrade.ended ? BACK : BESIDE;
}

static int done(void *about)
{
    return IDLE;
}

/* On the way in -------------------------------------------------------------------------------- */

static void log_end(const struct upgrade *u)
{
    if (u->pid == 0)
        return;
    if (WIFSIGNALED(u->status))
        log_error(&process_log, LOG_ALERT, 0, "new binary process %d exited on signal %d",
                  (int)u->pid, WTERMSIG(u->status));
    else
        log_error(&process_log, LOG_NOTICE, 0, "new binary process %d exited with code %d",
                  (int)u->pid, WEXITSTATUS(u->status));
}

static void go_back(void *about)
{
    struct master *m = about;

    log_end(&m->upgrade);
    m->upgrade.pid = 0;
    if (m->pid_path != NULL)
        pidfile_rename(m->pid_path, false);
    if (m->will == WILL_SERVE)
        control_open(m); /* the new one had the path */
    if (m->resting && m->will == WILL_SERVE)
        master_wake(m);
}

static const struct machine_step steps[STATES] = {
    /* name, step, may lead to, bounded by, on the way in */
    [IDLE]   = {"idle", idle, BIT(EXEC), 0, NULL},
    [EXEC]   = {"exec", execute_new, BIT(BESIDE) | BIT(BACK) | BIT(IDLE), 0, NULL},
    [BESIDE] = {"beside", serve_beside, BIT(BACK), 0, NULL},
    [BACK]   = {"back", done, BIT(IDLE), 0, go_back},
};

void upgrade_init(struct master *m)
{
    machine_init(&m->upgrade.machine, steps, "upgrade", m, IDLE);
}
