/*
 * worker/upstream/keepalive.h - idle connections to origins, which each worker keeps.
 *
 * The last one used is the first one taken. The loop watches them: one that its origin closes, that
 * says something unasked or that is idle too long is closed.
 */
#pragma once

#include "worker/upstream/exchange.h"
#include "worker/upstream/peer.h"

struct secure_shown;

/* One to this peer that may be used from `place`, with such TLS (NULL: plain) to an origin of that
   name where such a certificate is shown, or NULL. `client`: its own comes first, then one that is
   nobody's. */
struct exchange *keepalive_take(const struct peer *peer, const void *place,
                                const struct secure_options *secure, struct str name,
                                const struct secure_shown *shown, uint32_t client);

/* The peer, in the group, of an idle connection of that client's own; NULL: it has none. */
const struct peer *keepalive_peer_of(const struct upstream_group *group, uint32_t client);

/* The client is gone: its own connections are closed before the loop sleeps. */
void keepalive_leave(const struct upstream_group *group, uint32_t client);

/* Its request is over and answered. Keeps it, or closes it where the rules say so. */
void keepalive_put(struct exchange *x);

/* An idle one is given up: its place is needed. */
void keepalive_drop(struct exchange *x);

/* The post of an idle connection: something happened to it. */
void keepalive_check(struct post *post);

/* The group has another version: idle connections go to its peers, or are closed. */
void keepalive_move(struct group_live *group);

void keepalive_close_all(struct group_live *group);
