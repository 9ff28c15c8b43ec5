/*
 * worker/upstream/moving.h - groups whose servers are names that are resolved at run time, or are
 * changed at run time.
 *
 * The keeper asks for the names and writes what they have to the group's zone (moving_store), as it
 * does with changes (changes.h). A worker that dials makes a version of the group of that: a struct
 * upstream_group with the servers and peers that there are now, which lives until another one has
 * taken its place and nobody dials it any more. Peers that stay keep their state and their idle
 * connections.
 */
#pragma once

#include "worker/net/resolver.h"
#include "worker/upstream/peer.h"

#define FOUND_MOST 256 /* addresses of one server */

/* The keeper: the addresses that a server's name has now, or none. RC_OK when that is news,
   RC_AGAIN when it is not, RC_ERROR (logged) when the zone has no room for them. */
enum rc moving_store(const struct upstream_group *group, const struct upstream_server *server,
                     const struct resolved_addr *addrs, uint32_t count);

/* An address as resolvers give it: without a port. */
struct resolved_addr moving_plain_addr(const struct addr *addr);

/* The same for a server that has addresses of its load and follows its name. An answer without any
   of a family leaves those of that family. */
enum rc moving_follow(const struct upstream_group *group, const struct upstream_server *server,
                      const struct resolved_addr *addrs, uint32_t count);

/* The keeper: it was asked for, and nobody knows. What was known stays; those who wait for the
   first answer go on without. */
void moving_store_failure(const struct upstream_group *group,
                          const struct upstream_server *server);

/* A worker: whether moving_hold may give anything but the group itself. */
bool moving_may_differ(const struct upstream_group *group);

/* A worker: the version of a group as it is now, held until the pool is destroyed; the group itself
   while all is as configured. */
const struct upstream_group *moving_hold(const struct upstream_group *group, struct pool *pool);

/* Nothing has changed since that version was made. */
bool moving_is_current(const struct upstream_group *version);

/* The same peer in the current version of its group; NULL when it is gone. */
const struct peer *moving_same(const struct peer *peer);

/* No longer the current one; may be NULL. */
void moving_drop(struct upstream_group *version);
