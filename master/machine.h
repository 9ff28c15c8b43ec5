/*
 * master/machine.h - a machine of STYLE section 4, driven from the master's loop.
 *
 * The loop runs every machine each time something happened, so a step need not be told why it is
 * called: it looks at what was noted and at the clock.
 */
#pragma once

#include "common/base.h"

struct machine_step {
    const char *name;
    int (*step)(void *about);    /* returns the state that follows; its own to wait */
    uint32_t leads_to;           /* BIT(state) of each exit */
    int64_t within_ms;           /* the wait's bound: machine_is_late afterwards. 0: none, or set by
                                    `enter` through machine_wait */
    void (*enter)(void *about);  /* done once on the way in; NULL: nothing */
};

struct machine {
    const struct machine_step *steps;
    const char *what;            /* in debug lines: "reload", "child" */
    void *about;
    int state;
    int64_t deadline_ms;         /* monotonic; 0: none */
    bool running;
};

/* Starts in `state` without entering it. */
void machine_init(struct machine *m, const struct machine_step *steps, const char *what,
                  void *about, int state);

/* Steps until it waits. True if it moved. */
bool machine_run(struct machine *m);

/* Bounds the present wait. */
void machine_wait(struct machine *m, int64_t within_ms);

bool machine_is_late(const struct machine *m);
