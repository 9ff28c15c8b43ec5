/*
 * worker/net/thread_pools.h - the pools of threads that the configuration names.
 */
#pragma once

#include "common/str.h"
#include "worker/event/threads.h"

struct generation;

/* worker_start: those of `thread_pool`, and "default". No thread starts before there is work. */
void thread_pools_init(const struct generation *gen);

/* NULL: there is none of that name. */
struct thread_pool *thread_pools_find(struct str name);

/* "default": 32 threads, unless the configuration says otherwise. */
struct thread_pool *thread_pools_default(void);

/* At the end of the process: waits for what runs. */
void thread_pools_stop(void);
