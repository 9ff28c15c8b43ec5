/*
 * master/master.c - what the machines of the master have in common.
 */
#include "master/master.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/log.h"
#include "master/file_watch.h"
#include "master/listener.h"
#include "master/notify.h"
#include "master/pidfile.h"

bool master_has_old(const struct master *m)
{
    return m->inherited.from_master && getppid() == m->parent;
}

bool master_owns_files(const struct master *m)
{
    return m->upgrade.pid == 0 && !master_has_old(m);
}

bool master_move_pidfile(struct master *m, const char *path)
{
    if (m->pid_path != NULL && strcmp(m->pid_path, path) == 0)
        return true;
    if (m->upgrade.pid != 0 || !pidfile_write(path))
        return false;
    if (m->pid_path != NULL)
        pidfile_remove(m->pid_path);
    free(m->pid_path);
    m->pid_path = strdup(path);
    return true;
}

void master_rest(struct master *m)
{
    m->resting = true;
    m->serving = NULL;
    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        crew_want(crew, WANT_DRAIN, m->upgrade.pid != 0);
}

void master_wake(struct master *m)
{
    m->resting = false;
    m->gen->number = m->next_generation++; /* those that still drain have the old one */
    log_error(&process_log, LOG_NOTICE, 0, "start worker processes");
    m->serving = crew_create(m, m->gen);
}

static bool has_crew(const struct master *m, const struct generation *gen)
{
    for (const struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (crew->gen == gen)
            return true;
    return false;
}

void master_forget(struct master *m, struct generation *gen)
{
    if (gen != NULL && gen != m->gen && gen != m->reload.gen && gen != m->reload.old &&
        !has_crew(m, gen))
        generation_destroy(gen);
}

static void collect(struct master *m, struct crew *crew)
{
    struct generation *gen = crew->gen;

    if (m->serving == crew)
        m->serving = NULL;
    crew_destroy(crew);
    master_forget(m, gen);
}

void master_collect(struct master *m)
{
    struct crew *older;

    for (struct crew *crew = m->crews; crew != NULL; crew = older) {
        older = crew->older;
        if (crew_is_gone(crew) && crew != m->reload.crew)
            collect(m, crew);
    }
}

/* The successor's file is at the usual place, ours beside it. */
static void remove_pidfile(struct master *m)
{
    char old[4096];

    if (m->pid_path == NULL)
        return;
    pidfile_remove(m->pid_path);
    if ((size_t)snprintf(old, sizeof(old), "%s" PIDFILE_OLD, m->pid_path) < sizeof(old))
        pidfile_remove(old);
    free(m->pid_path);
    m->pid_path = NULL;
}

void master_leave(struct master *m)
{
    if (m->upgrade.pid != 0)
        notify_main_pid(m->upgrade.pid);
    remove_pidfile(m);
    file_watch_end(m);
    control_close(m);
    listener_close(m->gen, NULL, master_owns_files(m));
    log_set_process(NULL); /* the sinks go with the generation */
    generation_destroy(m->gen);
    m->gen = NULL;
}
