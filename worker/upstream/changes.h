/*
 * worker/upstream/changes.h - what was changed about a group's servers at run time.
 *
 * The keeper keeps the changes of each group as a text in the group's zone (changes_write), and
 * each worker makes its version of the group of the configuration and of them (moving.h). A change
 * stands for a whole `server` line, and remembers which line of the configuration it was made of:
 * when a later configuration has another line for that server, the configuration wins, and when it
 * has none, the change is void, unless it added the server.
 */
#pragma once

#include "worker/upstream/peer.h"

#define CHANGES_MOST 65536 /* bytes of the changes of one group */

struct server_change {
    struct str address;        /* as the line has it */
    struct str line;           /* the server line from its address on; empty: removed */
    uint64_t over;             /* server_line_hash of the configured line; 0: there was none */
};

/* When they last changed, as peer_zone.version; 0: there are none. Under the zone's lock. */
uint64_t changes_number(const struct upstream_group *group);

/* All of them: struct server_change. *number (may be NULL) is theirs. Takes the lock. */
struct array changes_read(const struct upstream_group *group, struct pool *pool, uint64_t *number);

/* The keeper: replaces those with that number. RC_AGAIN when they are others by now, RC_ERROR when
   the zone has no room or they are too many: nothing has changed then. Takes the lock. */
enum rc changes_write(const struct upstream_group *group, const struct array *changes,
                      uint64_t number);

/* The one for a server with that configured line; NULL: none holds. */
const struct server_change *changes_find(const struct array *changes, struct str address,
                                         uint64_t over);

/* The servers as they are now: copies of the configured ones (`configured` tells which), changed or
   not, without those that were removed, and behind them those that were added. */
struct array changes_apply(const struct upstream_group *base, const struct array *changes,
                           struct pool *pool);

/* The same of what the zone has now; the configured ones themselves when there is no change. */
struct array changes_servers(const struct upstream_group *base, struct pool *pool);

/* A configured server's line from its address on, with one blank between words. */
struct str server_line_text(const struct upstream_server *s, struct pool *pool);

/* Of such a text; never 0. */
uint64_t server_line_hash(struct str line);

/* Reads such a text, which says what a configuration could say: an address that is none is asked
   for by name. NULL, or why it is no server line, in the pool. The texts are kept by reference. */
const char *server_line_read(struct upstream_server *s, struct str line, struct pool *pool);
