/*
 * worker/upstream/sticky.h - requests that belong to one client's session stay with one peer.
 *
 * A peer's route is the `route` of its server line, or the MD5 of its address in hexadecimal. What
 * a request says of its session (a cookie of ours, variables that hold a route, or the key of a
 * session that was learned from an origin's answer) leads to a route; peers are compared by the
 * hash of theirs. A request whose peer may not be tried is like one that says nothing.
 */
#pragma once

#include "common/module.h"
#include "worker/upstream/dial.h"

#define STICKY_ROUTE_HEX 32

extern const struct module sticky_module;

/* Sets the route of each peer. The group has a `sticky`. */
void sticky_name_peers(struct pool *pool, struct upstream_group *group);

/* Sets d->bound; 0: the request is bound to no peer. The group has a `sticky`. */
void sticky_begin(struct dial *d);

static inline bool sticky_is_bound(const struct dial *d, const struct peer *peer)
{
    return d->bound != 0 && peer->route_hash == d->bound;
}

/* Under the lock: the peer that the request is bound to, if it may be tried. May be draining. */
const struct peer *sticky_pick(struct dial *d);

/* The Set-Cookie that binds the client to the peer that answered, from d->pool; STR_NONE when it is
   bound already or the group's `sticky` is another. */
struct str sticky_cookie(const struct dial *d);

/* The head of an answer is here, or all of it (`whole`): it may name a new session. */
void sticky_learn(const struct dial *d, bool whole);

/* The hash of a route; never 0. */
uint64_t sticky_route_hash(struct str route);

/* A peer's route when its server line gives none, at `out` (STICKY_ROUTE_HEX bytes). */
void sticky_address_route(struct str name, char *out);
