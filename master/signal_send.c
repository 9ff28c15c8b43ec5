/*
 * master/signal_send.c - finds the master by the pid file that the configuration names.
 *
 * A configuration that would not load must not keep anyone from stopping the server: faults matter
 * to `reload` alone.
 */
#include "master/signal_send.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/core_conf.h"
#include "common/default_paths.h"
#include "common/log.h"
#include "master/pidfile.h"
#include "master/signals.h"
#include "master/waiters.h"

static int fail_kill(pid_t pid, int signo, int err)
{
    log_error(&process_log, LOG_ALERT, err, "kill(%d, %d) failed", (int)pid, signo);
    return 1;
}

static int reload(pid_t pid)
{
    int err;

    switch (waiters_reload(pid, &err)) {
    case RELOAD_DONE:
        return 0;
    case RELOAD_FAILED:
        return 1;
    case RELOAD_UNKNOWN:
        break;
    }
    return err != 0 ? fail_kill(pid, SIGHUP, err) : 0;
}

static int send_to(pid_t pid, const char *command)
{
    int signo = signals_find(command);

    if (signo == SIGHUP)
        return reload(pid);
    return kill(pid, signo) != 0 ? fail_kill(pid, signo, errno) : 0;
}

int signal_send(const struct load_source *source, const char *command)
{
    bool matters = strcmp(command, "reload") == 0;
    struct load_source quiet = *source;
    struct generation *gen;
    unsigned faults;
    pid_t pid = 0;

    quiet.level = matters ? LOG_ERROR : 0;
    gen = generation_load(&quiet, 1, true, &faults);
    if (faults == 0 || !matters)
        pid = pidfile_read(gen->main != NULL && core_conf(gen)->pid_path.len > 0
                               ? core_conf(gen)->pid_path.data
                               : default_paths.pid);
    generation_destroy(gen);
    return pid > 0 ? send_to(pid, command) : 1;
}
