/*
 * master/single.c - the worker's code without a master around it.
 *
 * As with nginx, the user is not changed and nothing is respawned.
 */
#include "master/single.h"

#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "master/daemonize.h"
#include "master/log_files.h"
#include "master/master.h"
#include "master/signals.h"

static volatile int signals_seen;

int single_run(struct master *m, struct generation *gen)
{
    struct child self = {.gen = gen, .channel = -1, .signal_seen = &signals_seen,
                         .slots = &m->slots, .row = slots_assign(&m->slots, 0, gen->number)};
    int code;

    signals_note(&signals_seen);
    if (m->starter_fd >= 0)
        daemonize_release(m->starter_fd, log_files_error_fd(gen));
    m->starter_fd = -1;
    log_use_stderr(false);
    code = roles[0]->run(&self);
    m->gen = gen;
    master_leave(m);
    return code;
}
