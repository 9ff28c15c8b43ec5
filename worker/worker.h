/*
 * worker/worker.h - the worker process: its loop, its slot, and how it ends.
 */
#pragma once

#include "common/generation.h"
#include "common/role.h"
#include "worker/event/loop.h"

struct worker {
    const struct generation *gen;
    uint32_t slot;
    struct loop loop;
    bool draining;
    struct log log;
};
