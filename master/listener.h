/*
 * master/listener.h - opening, keeping and closing a generation's listening sockets.
 *
 * A descriptor may belong to two generations at once while a reload is undecided; it is closed with
 * the last one that has it.
 */
#pragma once

#include "common/listen_spec.h"

struct inheritance;

/* Decides which specific addresses share the socket of their port's wildcard. */
void listener_merge(struct generation *gen);

/*
 * Gives every spec its socket: that of `before` (NULL: none) or an inherited one for the same
 * address and kind, or a new one that listens. RC_AGAIN when an address is in use: what was opened
 * stays, call again to go on. RC_ERROR after an [emerg] line.
 */
enum rc listener_open(struct generation *gen, const struct generation *before,
                      struct inheritance *inherited);

/* The generation serves from now on: sockets it took over get the options it asks for. */
void listener_adopt(struct generation *gen);

/* The sockets of `gen` that `keep` has not will be closed: no new connections queue there, and
   each(arg, index of the spec) is told of those that may have some. */
void listener_retire(const struct generation *gen, const struct generation *keep,
                     void (*each)(void *arg, uint32_t index), void *arg);

/* Closes the sockets of `gen` that `keep` (NULL: none) has not, and removes the files of unix
   sockets closed so when `remove_files`. */
void listener_close(struct generation *gen, const struct generation *keep, bool remove_files);
