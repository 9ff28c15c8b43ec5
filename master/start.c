/*
 * master/start.c - loads, opens, leaves the terminal, and hands over to the loop.
 *
 * Whatever can fail for reasons that an operator has to mend fails before the terminal is left.
 */
#include "master/start.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/log.h"
#include "common/proctitle.h"
#include "master/daemonize.h"
#include "master/listener.h"
#include "master/log_files.h"
#include "master/master.h"
#include "master/pidfile.h"
#include "master/privilege.h"
#include "master/quick.h"
#include "master/reload.h"
#include "master/signals.h"
#include "master/single.h"
#include "master/supervise.h"
#include "master/upgrade.h"

#define BIND_TRIES    5
#define BIND_EVERY_MS 500

/* Virtual memory until touched: so many children may live at once, with so many bookings each. */
#define ROWS     1024
#define BOOKINGS 65536

static struct master self; /* children find it here too */

/* What an upgrade executes: a path that still means the same after `cd` and `cp`. */
static char *find_binary(const char *argv0)
{
    char path[PATH_MAX];
    ssize_t len;

    if (argv0[0] == '/')
        return strdup(argv0);
    if (strchr(argv0, '/') != NULL && getcwd(path, sizeof(path)) != NULL) {
        char *joined = NULL;

        return asprintf(&joined, "%s/%s", path, argv0) < 0 ? NULL : joined;
    }
    len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[MAX(len, 0)] = '\0';
    return strdup(path);
}

static void set_title(const struct master *m, int argc)
{
    char line[4096];
    size_t len = 0;

    line[0] = '\0';
    for (int i = 0; i < argc && len < sizeof(line); i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, " %s", m->argv[i]);
    proctitle_set("%s: master process%s", m->identity->name, line);
}

static void init(struct master *m, const struct options *o, const struct load_source *source,
                 char **argv)
{
    m->identity = o->identity;
    m->argv = argv;
    m->binary = find_binary(argv[0]);
    m->source = *source;
    m->pool = pool_create(POOL_BLOCK);
    m->no_pidfile = source->text != NULL;
    m->signal_fd = m->starter_fd = -1;
    m->parent = getppid();
    inherit_read(&m->inherited, m->pool);
    m->next_generation = m->inherited.generation;
    control_init(&m->control);
    reload_init(m);
    upgrade_init(m);
}

static bool open_slots(struct master *m)
{
    if (m->inherited.slots_fd >= 0 && slots_attach(&m->slots, m->inherited.slots_fd))
        return true;
    if (slots_create(&m->slots, ROWS, BOOKINGS))
        return true;
    log_error(&process_log, LOG_EMERG, errno, "no shared memory for the table of slots");
    return false;
}

/* An address that is in use may become free in a moment: whoever had it may be on its way out. */
static bool open_sockets(struct master *m, struct generation *gen)
{
    for (int tries = BIND_TRIES; tries > 0; tries--) {
        switch (listener_open(gen, NULL, &m->inherited)) {
        case RC_OK:
            return true;
        case RC_ERROR:
            return false;
        case RC_AGAIN:
            break;
        }
        log_error(&process_log, LOG_NOTICE, 0, "try again to bind() after %dms", BIND_EVERY_MS);
        usleep(BIND_EVERY_MS * 1000);
        clock_update();
    }
    log_error(&process_log, LOG_EMERG, 0, "still could not bind()");
    return false;
}

static void log_start(const struct master *m)
{
    struct utsname os;
    struct rlimit files;

    log_error(&process_log, LOG_NOTICE, 0, "using the \"epoll\" event method");
    log_error(&process_log, LOG_NOTICE, 0, "%s", m->identity->version);
    if (uname(&os) == 0)
        log_error(&process_log, LOG_NOTICE, 0, "OS: %s %s", os.sysname, os.release);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        log_error(&process_log, LOG_NOTICE, 0, "getrlimit(RLIMIT_NOFILE): %lld:%lld",
                  (long long)files.rlim_cur, (long long)files.rlim_max);
}

/* The configuration, and all that it needs of the system. NULL when something is missing. */
static struct generation *open_generation(struct master *m)
{
    unsigned faults;
    struct generation *gen = generation_load(&m->source, m->next_generation++, false, &faults);

    if (faults > 0 || !open_slots(m)) {
        generation_destroy(gen);
        return NULL;
    }
    if (!core_conf(gen)->master_process)
        gen->slots = 1;
    if (generation_open(gen, NULL, &m->inherited, &m->slots)) {
        log_use_stderr(true);
        log_set_process(core_conf(gen)->error_log);
        if (open_sockets(m, gen))
            return gen;
    }
    log_set_process(NULL);
    listener_close(gen, NULL, !m->inherited.from_master);
    generation_destroy(gen);
    return NULL;
}

static bool leave_terminal(struct master *m, const struct core_conf *core)
{
    m->daemonized = core->daemon;
    if (!core->daemon || m->inherited.from_master)
        return true;
    m->starter_fd = daemonize();
    if (m->starter_fd < 0)
        log_error(&process_log, LOG_EMERG, errno, "the process cannot leave the terminal");
    return m->starter_fd >= 0;
}

/* Everything listens by now: the pid file may say so. */
static bool announce(struct master *m, const struct generation *gen)
{
    inherit_close_rest(&m->inherited);
    log_start(m);
    return leave_terminal(m, core_conf(gen)) &&
           (m->no_pidfile || master_move_pidfile(m, core_conf(gen)->pid_path.data));
}

static int serve(struct master *m, struct generation *gen, int argc)
{
    m->signal_fd = signals_open();
    if (m->signal_fd < 0) {
        log_error(&process_log, LOG_EMERG, errno, "signalfd() failed");
        return 1;
    }
    set_title(m, argc);
    reload_begin_first(m, gen);
    supervise(m);
    log_error(&process_log, LOG_NOTICE, 0, "exit");
    master_leave(m);
    return m->exit_code;
}

static void fini(struct master *m)
{
    slots_close(&m->slots);
    free(m->binary);
    pool_destroy(m->pool);
}

int start(const struct options *o, const struct load_source *source, int argc, char **argv)
{
    struct master *m = &self;
    struct generation *gen;
    int code = 1;

    privilege_init();
    init(m, o, source, argv);
    gen = open_generation(m);
    if (gen == NULL || !announce(m, gen)) {
        fini(m);
        return 1;
    }
    if (source->text != NULL)
        quick_announce(o);
    code = core_conf(gen)->master_process ? serve(m, gen, argc) : single_run(m, gen);
    fini(m);
    return code;
}
