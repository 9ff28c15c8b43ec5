/*
 * worker/upstream/queue.h - requests that wait until one of a group's peers may be tried again.
 *
 * Each worker has a queue for each group. The first in it looks for a peer when a connection to the
 * group ends: in this worker at once, in another through an eventfd that all workers of the
 * generation watch, and every QUEUE_LOOK_MS for all other reasons that make a peer fit.
 */
#pragma once

#include "common/module.h"
#include "worker/upstream/dial.h"

#define QUEUE_LOOK_MS 20

extern const struct module queue_module;

/* Somebody has waited for longer than this request: it must not overtake him. */
bool queue_is_ahead(const struct dial *d);

/* Whether any peer that now may not be tried may be tried later. */
bool queue_is_of_use(const struct dial *d);

/* At the end of the queue, with d->timer set to the time that is left. False: it is full. */
bool queue_enter(struct dial *d);

/* Out of it, wherever it was; nothing if it was in none. */
void queue_leave(struct dial *d);

/* This one found no peer. Those behind it look too if that does not hold for them. */
void queue_pass_by(const struct dial *d);

/* This one found a peer: there may be more of them. */
void queue_go_on(struct group_live *live);

/* A connection to the group ended, or never came about. */
void queue_freed(const struct upstream_group *group);
