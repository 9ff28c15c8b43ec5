/*
 * worker/net/accept.h - listening sockets of a worker, and what happens to what they accept.
 *
 * Level-triggered with EPOLLEXCLUSIVE, accept4 (multi_accept off: one per wake). When descriptors
 * or worker_connections run out, accepting pauses and is retried (500 ms, or as soon as one of our
 * connections closes), with one rate-limited line in the log.
 */
#pragma once

#include "common/listen_spec.h"

struct generation;

/* A family's way to begin: owns fd from here on. `listen` is the spec that the connection's local
   address names (a merged one, too). Does not block, does not fail loudly. */
typedef void accept_fn(int fd, const struct addr *peer, const struct listen_spec *listen);

/* Called by the rooms' worker_start before accept_start. */
void accept_family(enum family family, accept_fn *open);

/* Whether a wake takes all that waits (multi_accept) or one. */
void accept_multi(bool all);

/* Listens on the generation's sockets (with reuseport: those of `slot`). */
enum rc accept_start(const struct generation *gen, uint32_t slot);

/* Nobody else will take what is queued at the generation's listen spec of this index: accept_stop
   does, before it closes the socket. */
void accept_last_call(int64_t index);

/* Stops accepting for good; the sockets are closed in this process. When others serve them from now
   on (`successor`), what this worker may have been woken for is taken before. */
void accept_stop(bool successor);

/* A connection was closed: accepting may go on if it was paused. */
void accept_resume(void);
