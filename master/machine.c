/*
 * master/machine.c - the driver of the master's state tables.
 */
#include "master/machine.h"

#include "common/clock.h"
#include "common/log.h"

void machine_init(struct machine *m, const struct machine_step *steps, const char *what,
                  void *about, int state)
{
    *m = (struct machine){.steps = steps, .what = what, .about = about, .state = state};
}

static void enter(struct machine *m, int next)
{
    const struct machine_step *from = &m->steps[m->state], *to = &m->steps[next];

    must(from->leads_to & BIT(next));
    log_debug(&process_log, "%s: %s -> %s", m->what, from->name, to->name);
    m->state = next;
    m->deadline_ms = 0;
    if (to->within_ms > 0)
        machine_wait(m, to->within_ms);
    if (to->enter != NULL)
        to->enter(m->about);
}

bool machine_run(struct machine *m)
{
    bool moved = false;
    int next;

    assert(!m->running);
    m->running = true;
    while ((next = m->steps[m->state].step(m->about)) != m->state) {
        enter(m, next);
        moved = true;
    }
    m->running = false;
    return moved;
}

void machine_wait(struct machine *m, int64_t within_ms)
{
    m->deadline_ms = MAX(clock_mono_ms + within_ms, 1);
}

bool machine_is_late(const struct machine *m)
{
    return m->deadline_ms != 0 && clock_mono_ms >= m->deadline_ms;
}
