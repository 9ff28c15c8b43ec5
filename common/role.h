/*
 * common/role.h - how to be a child process.
 *
 * The master forks, prepares (channel, signals, title, user, limits, affinity) and calls run, which
 * never returns to the master's code: its result is the exit code. worker/modules.c lists the
 * roles.
 */
#pragma once

#include "common/base.h"

struct generation;
struct slots;

struct child {
    struct generation *gen;
    uint32_t slot;         /* kept by a respawn */
    int channel;           /* its end of the socketpair; -1 without a master (master_process off) */
    bool respawned;        /* the slot's last holder died: its bookings are to be returned */
    struct slots *slots;   /* the table, and this child's row in it for slots_enter; NULL and 0 */
    uint32_t row;          /* in unit tests */
    volatile int *signal_seen; /* bits, BIT(SIGTERM) ...: signals sent to this process itself,
                                  with a master or without. Set by the handler; the child takes
                                  them with an atomic exchange. Never NULL */
};

struct role {
    const char *name;      /* "worker process" in the title and the log */
    /* How many the generation needs. */
    uint32_t (*wanted)(const struct generation *gen);
    int (*run)(const struct child *child);
    bool takes_control;    /* CHANNEL_CONTROL is for it; one is started when it is needed */
};

extern const struct role *const roles[]; /* NULL at the end */
