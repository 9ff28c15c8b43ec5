/*
 * master/reload.c - the reload as a machine.
 *
 * Until the new children all say that they are ready, the old generation serves and can go on as if
 * nothing had been asked: what is new is only beside it.
 */
#include "master/reload.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/generation.h"
#include "common/log.h"
#include "master/daemonize.h"
#include "master/listener.h"
#include "master/log_files.h"
#include "master/master.h"
#include "master/notify.h"

#define BIND_TRIES     5
#define BIND_EVERY_MS  500
#define START_WITHIN_MS 60000
#define CLOSE_WITHIN_MS 5000  /* what the old workers have to say so */

enum reload_state { IDLE, LOAD, BIND, START, SWITCH, CLOSE, FAIL, STATES };

/* Steps ---------------------------------------------------------------------------------------- */

static int idle(void *about)
{
    struct master *m = about;

    return m->reload.asked && m->will == WILL_SERVE ? LOAD : IDLE;
}

static int load(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;
    unsigned faults;

    r->gen = generation_load(&m->source, m->next_generation++, false, &faults);
    if (faults > 0 || !generation_open(r->gen, m->gen, &m->inherited, &m->slots))
        return FAIL;
    return BIND;
}

/* An address in use may become free: the bound on this state is the pause before the next try. */
static int open_sockets(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;

    if (m->will != WILL_SERVE)
        return FAIL;
    if (r->machine.deadline_ms != 0 && !machine_is_late(&r->machine))
        return BIND;
    switch (listener_open(r->gen, m->gen, &m->inherited)) {
    case RC_OK:
        return START;
    case RC_ERROR:
        return FAIL;
    case RC_AGAIN:
        break;
    }
    if (--r->tries == 0) {
        log_error(&process_log, LOG_EMERG, 0, "still could not bind()");
        return FAIL;
    }
    log_error(&process_log, LOG_NOTICE, 0, "try again to bind() after %dms", BIND_EVERY_MS);
    machine_wait(&r->machine, BIND_EVERY_MS);
    return BIND;
}

static int await_children(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;

    if (m->will != WILL_SERVE || m->resting || crew_is_stillborn(r->crew))
        return FAIL;
    if (crew_is_serving(r->crew))
        return SWITCH;
    if (!machine_is_late(&r->machine))
        return START;
    log_error(&process_log, LOG_EMERG, 0, "new processes were not ready in %d seconds",
              START_WITHIN_MS / 1000);
    return FAIL;
}

/* Who connects after the answer to `-s reload` is to meet none of the old workers. */
static int await_closing(void *about)
{
    struct master *m = about;
    bool closed = true;

    for (const struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        closed = closed && (crew == m->serving || crew_is_closed(crew));
    if (closed || m->will != WILL_SERVE || machine_is_late(&m->reload.machine))
        return CLOSE;
    return SWITCH;
}

static int done(void *about)
{
    return IDLE;
}

/* On the way in -------------------------------------------------------------------------------- */

static void begin(void *about)
{
    struct master *m = about;

    m->reload.asked = false;
    m->reload.tries = BIND_TRIES;
    waiters_begin(&m->waiters);
    notify_reloading();
    log_error(&process_log, LOG_NOTICE, 0, "reconfiguring");
}

static void start_children(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;

    if (!r->first)
        log_error(&process_log, LOG_NOTICE, 0, "using the \"epoll\" event method");
    log_error(&process_log, LOG_NOTICE, 0, "start worker processes");
    r->crew = crew_create(m, r->gen);
    r->crew->on_trial = true;
}

/* The oldest generations stop at once when there are more than the configuration allows. */
static void limit_generations(struct master *m)
{
    int64_t left = core_conf(m->gen)->worker_generations;

    for (struct crew *crew = m->crews; crew != NULL; crew = crew->older)
        if (left-- <= 0)
            crew_want(crew, WANT_QUIT, true);
}

static void last_call(void *crew, uint32_t index)
{
    crew_last_call(crew, index);
}

static void retire(struct master *m, struct crew *old)
{
    if (m->reload.old != NULL && old != NULL && old->gen == m->reload.old)
        listener_retire(m->reload.old, m->gen, last_call, old);
    for (struct crew *crew = old; crew != NULL; crew = crew->older)
        crew_want(crew, WANT_DRAIN, true);
}

static void say_we_serve(struct master *m)
{
    if (m->starter_fd >= 0)
        daemonize_release(m->starter_fd, log_files_error_fd(m->gen));
    m->starter_fd = -1;
    log_use_stderr(false);
    notify_ready();
    waiters_answer(&m->waiters, true);
}

static void take_over(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;

    r->crew->on_trial = false;
    r->old = m->gen;
    m->gen = r->gen;
    m->serving = r->crew;
    m->resting = false;
    listener_adopt(m->gen);
    log_set_process(core_conf(m->gen)->error_log);
    retire(m, r->crew->older);
    limit_generations(m);
    if (!m->no_pidfile && !r->first)
        master_move_pidfile(m, core_conf(m->gen)->pid_path.data);
    control_open(m);
    r->gen = NULL;
    r->crew = NULL;
    r->first = false;
}

static void close_old(void *about)
{
    struct master *m = about;
    struct generation *old = m->reload.old;

    if (old != NULL)
        listener_close(old, m->gen, master_owns_files(m));
    m->reload.old = NULL;
    master_forget(m, old);
    say_we_serve(m);
}

/* Nothing to go back to. The generation stays for its logs. Told to leave by SIGQUIT while it
   starts, its workers may serve somebody already: they finish that. */
static void fail_start(struct master *m)
{
    m->gen = m->reload.gen;
    if (m->will == WILL_SERVE)
        m->exit_code = 1;
    if (m->will != WILL_LEAVE)
        m->will = WILL_LEAVE_AT_ONCE;
}

static void fail_reload(struct master *m)
{
    if (m->reload.crew == NULL)
        generation_destroy(m->reload.gen);
    log_error(&process_log, LOG_ERROR, 0, "reload failed: the configuration of before is in use");
    notify_ready();
}

/* The crew, if there is one, is collected by the loop when its processes have quit, and the
   generation with it. */
static void give_up(void *about)
{
    struct master *m = about;
    struct reload *r = &m->reload;

    if (m->will == WILL_SERVE && !r->first)
        listener_close(r->gen, m->gen, true); /* only what it had made itself */
    else
        listener_close(r->gen, NULL, master_owns_files(m));
    if (r->crew != NULL)
        crew_want(r->crew, m->will == WILL_LEAVE ? WANT_DRAIN : WANT_QUIT, false);
    if (r->first)
        fail_start(m);
    else
        fail_reload(m);
    r->gen = NULL;
    r->crew = NULL;
    waiters_answer(&m->waiters, false);
}

static const struct machine_step steps[STATES] = {
    /* name, step, may lead to, bounded by, on the way in */
    [IDLE]   = {"idle", idle, BIT(LOAD), 0, NULL},
    [LOAD]   = {"load", load, BIT(BIND) | BIT(FAIL), 0, begin},
    [BIND]   = {"bind", open_sockets, BIT(START) | BIT(FAIL), 0, NULL},
    [START]  = {"start", await_children, BIT(SWITCH) | BIT(FAIL), START_WITHIN_MS, start_children},
    [SWITCH] = {"switch", await_closing, BIT(CLOSE), CLOSE_WITHIN_MS, take_over},
    [CLOSE]  = {"close", done, BIT(IDLE), 0, close_old},
    [FAIL]   = {"fail", done, BIT(IDLE), 0, give_up},
};

void reload_init(struct master *m)
{
    machine_init(&m->reload.machine, steps, "reload", m, IDLE);
}

void reload_begin_first(struct master *m, struct generation *gen)
{
    machine_init(&m->reload.machine, steps, "reload", m, START);
    m->reload.gen = gen;
    m->reload.first = true;
    machine_wait(&m->reload.machine, START_WITHIN_MS);
    start_children(m);
}
