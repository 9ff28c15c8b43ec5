/*
 * t/unit/master/machine_test.c - the driver enters, bounds and waits.
 */
#include "master/machine.h"

#include "common/clock.h"
#include "common/module.h"
#include "common/role.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

enum { START, WAIT, END, STATES };

static struct machine machine;
static bool go;
static int entered;

static int start(void *about)
{
    return go ? WAIT : START;
}

static int wait_for_time(void *about)
{
    return machine_is_late(&machine) ? END : WAIT;
}

static int end(void *about)
{
    return END;
}

static void note(void *about)
{
    entered++;
}

static const struct machine_step steps[STATES] = {
    [START] = {"start", start, BIT(WAIT), 0, NULL},
    [WAIT] = {"wait", wait_for_time, BIT(END), 100, note},
    [END] = {"end", end, 0, 0, NULL},
};

int main(void)
{
    clock_fake(1000, 1000);
    machine_init(&machine, steps, "test", NULL, START);
    ok(!machine_run(&machine), "it waits");
    is_int(machine.deadline_ms, 0, "without a bound");
    go = true;
    ok(machine_run(&machine), "it moves");
    is_int(entered, 1, "the state was entered once");
    is_int(machine.deadline_ms, 1100, "its wait is bounded");
    clock_fake(1099, 1099);
    ok(!machine_run(&machine), "not yet");
    machine_wait(&machine, 50);
    clock_fake(1148, 1148);
    ok(!machine_run(&machine), "bounded anew");
    clock_fake(1149, 1149);
    ok(machine_run(&machine) && machine.state == END, "the time is over");
    is_int(machine.deadline_ms, 0, "nothing is left of it");
    return tap_done();
}
