/*
 * worker/worker.h - the worker process: its loop, its slot, and how it ends.
 */
#pragma once

#include "common/generation.h"
#include "common/role.h"
#include "worker/drain.h"
#include "worker/event/loop.h"

struct worker {
    const struct generation *gen;
    uint32_t slot;
    struct slots *slots;   /* NULL in unit tests */
    bool respawned;        /* the slot's last holder died: return what it booked first */
    bool draining;
    struct loop loop;
    struct drain drain;
    struct log log;
};

extern const struct role worker_role;
