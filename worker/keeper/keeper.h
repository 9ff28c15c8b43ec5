/*
 * worker/keeper/keeper.h - what must happen once per machine: a list of jobs, done by the keeper of
 * the newest generation.
 *
 * A job is a table in a file of its own and a line in keeper.c. Where a configuration wants one of
 * them the master starts a keeper (worker/keeper_role.c); without a master the worker is the keeper
 * too. `start` is called when this process gets the lease and `stop` when it loses it, or ends:
 * that may happen again and again. In between the job does its work with the loop's timers, posts
 * and events, and asks keeper_may_act() before each act that others would see.
 */
#pragma once

#include "common/generation.h"
#include "common/module.h"

struct keeper_job {
    const char *name;
    bool changes;          /* changes at run time may give it work, too */
    /* The first line of the configuration that wants it; NULL: none does. */
    const struct conf_node *(*wanted)(const struct generation *gen);
    void (*start)(const struct generation *gen);
    void (*stop)(void);
};

extern const struct module keeper_module; /* declares the lease; behind those that want a job */

/* Does any job have something to do? */
bool keeper_is_wanted(const struct generation *gen);

/* Tries to get the lease, now and again. Nothing where no job is wanted. */
void keeper_start(const struct generation *gen);
void keeper_stop(void);

/* The lease is still ours. */
bool keeper_may_act(void);
