/*
 * master/spawn.h - from fork to a child's own code.
 */
#pragma once

#include "common/base.h"

struct child_proc;
struct core_conf;
struct generation;

/* Forks the child and opens its channel. In the child this does not return. False after an [alert]
   line. */
bool spawn_child(struct child_proc *c);

/* What a worker's process has of the configuration: priority, limits, CPU, user, directory,
   environment. False after an [emerg] line: it must not serve. */
bool spawn_settle(const struct generation *gen, uint32_t slot);
