/*
 * master/spawn.c - fork, and what a child does before its role's code runs.
 *
 * The child keeps of the master's descriptors only what its own generation owns: a socket that the
 * configuration no longer has would otherwise live on in it.
 */
#include "master/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/proctitle.h"
#include "master/child.h"
#include "master/crew.h"
#include "master/file_watch.h"
#include "master/listener.h"
#include "master/log_files.h"
#include "master/master.h"
#include "master/privilege.h"
#include "master/signals.h"
#include "master/zone_keep.h"

#define EXIT_FATAL 2

extern char **environ;

static volatile int signals_seen;

/* Limits --------------------------------------------------------------------------------------- */

static void limit(int resource, const char *name, int64_t value)
{
    struct rlimit limits = {(rlim_t)value, (rlim_t)value};

    if (value >= 0 && setrlimit(resource, &limits) != 0)
        log_error(&process_log, LOG_ALERT, errno, "setrlimit(%s, %lld) failed", name,
                  (long long)value);
}

static void set_limits(const struct core_conf *core)
{
    privilege_raise(PRIVILEGE_LIMITS);
    if (core->worker_priority != 0 &&
        setpriority(PRIO_PROCESS, 0, (int)core->worker_priority) != 0)
        log_error(&process_log, LOG_ALERT, errno, "setpriority(%lld) failed",
                  (long long)core->worker_priority);
    limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", core->rlimit_nofile);
    limit(RLIMIT_CORE, "RLIMIT_CORE", core->rlimit_core);
    privilege_lower();
}

static void set_affinity(const struct core_conf *core, uint32_t slot)
{
    const cpu_set_t *mask;

    if (core->affinity == NULL || core->affinity_count == 0)
        return;
    mask = &core->affinity[slot % core->affinity_count];
    if (sched_setaffinity(0, sizeof(*mask), mask) != 0)
        log_error(&process_log, LOG_ALERT, errno, "sched_setaffinity() failed");
}

/* Environment ---------------------------------------------------------------------------------- */

static struct str variable_name(struct str entry)
{
    return str_cut(&entry, '=');
}

/* "NAME=value" of our own environment, NULL when it is not there. */
static char *present_variable(struct str name)
{
    for (char **e = environ; *e != NULL; e++)
        if (str_eq(variable_name(str_of(*e)), name))
            return *e;
    return NULL;
}

static char **keep_variable(char **out, struct pool *pool, struct str entry)
{
    struct str name = variable_name(entry);
    char *kept = name.len < entry.len ? pool_cstr(pool, entry) : present_variable(name);

    if (kept != NULL)
        *out++ = kept;
    return out;
}

/* Only TZ and what `env` names, as nginx does: what a worker leaks cannot be more. */
static void set_environment(const struct generation *gen)
{
    const struct core_conf *core = core_conf(gen);
    size_t count = core->env != NULL ? core->env->count : 0;
    char **kept = pool_alloc(gen->pool, (count + 2) * sizeof(*kept)), **end = kept;
    bool has_tz = false;

    for (size_t i = 0; i < count; i++) {
        struct str entry = *(struct str *)array_at(core->env, i);

        end = keep_variable(end, gen->pool, entry);
        has_tz = has_tz || str_eq(variable_name(entry), STR("TZ"));
    }
    if (!has_tz)
        end = keep_variable(end, gen->pool, STR("TZ"));
    *end = NULL;
    environ = kept;
}

static void set_directory(const struct core_conf *core)
{
    if (core->working_directory.len > 0 && chdir(core->working_directory.data) != 0)
        log_error(&process_log, LOG_ALERT, errno, "chdir(\"%" STR_FMT "\") failed",
                  STR_ARG(core->working_directory));
}

bool spawn_settle(const struct generation *gen, uint32_t slot)
{
    const struct core_conf *core = core_conf(gen);

    set_limits(core);
    set_affinity(core, slot);
    if (!privilege_drop(core, gen->transparent))
        return false;
    set_directory(core);
    set_environment(gen);
    return true;
}

/* The child ------------------------------------------------------------------------------------ */

static void close_siblings(const struct child_proc *self)
{
    for (struct crew *crew = self->crew->master->crews; crew != NULL; crew = crew->older)
        for (uint32_t i = 0; i < crew->count; i++)
            if (&crew->children[i] != self)
                child_fini(&crew->children[i]);
}

static void close_generation(struct generation *other, const struct generation *own)
{
    if (other == NULL || other == own)
        return;
    listener_close(other, own, false);
    log_files_close(other);
}

/* Older crews' generations, and in a child that is respawned during a reload the newer one. */
static void close_others(const struct child_proc *self)
{
    struct master *m = self->crew->master;
    struct generation *own = self->crew->gen;

    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        close_generation(crew->gen, own);
    close_generation(m->gen, own);
    close_generation(m->reload.gen, own);
    file_watch_end(m);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    if (m->starter_fd >= 0)
        close(m->starter_fd);
    control_forget(&m->control);
    waiters_forget(&m->waiters);
}

NORETURN static void become(struct child_proc *c, int channel)
{
    struct master *m = c->crew->master;
    struct generation *gen = c->crew->gen;
    struct child self = {.gen = gen, .slot = c->slot, .channel = channel,
                         .respawned = c->respawned, .signal_seen = &signals_seen,
                         .slots = &m->slots, .row = c->row};

    log_after_fork();
    log_use_stderr(false); /* what the starter must see, the master says */
    log_set_copy(NULL);
    signals_note(&signals_seen);
    log_set_process(core_conf(gen)->error_log);
    close_siblings(c);
    close_others(c);
    if (!spawn_settle(gen, c->slot))
        exit(EXIT_FATAL);
    zone_keep_in_child();
    shm_forget_fd(&m->slots.shm);
    proctitle_set("%s: %s", m->identity->name, c->role->name); /* it is what it says */
    exit(c->role->run(&self));
}

bool spawn_child(struct child_proc *c)
{
    int ends[2];
    pid_t pid;

    if (channel_pair(ends) != RC_OK) {
        log_error(&process_log, LOG_ALERT, errno, "socketpair() failed while starting \"%s\"",
                  c->role->name);
        return false;
    }
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        become(c, ends[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        log_error(&process_log, LOG_ALERT, errno, "fork() failed while starting \"%s\"",
                  c->role->name);
        close(ends[0]);
        return false;
    }
    c->pid = pid;
    c->channel = ends[0];
    log_error(&process_log, LOG_NOTICE, 0, "start %s %d", c->role->name, (int)pid);
    return true;
}
