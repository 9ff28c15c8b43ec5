/*
 * worker/upstream/sticky_sessions.h - sessions that origins began, in a zone: key to peer.
 *
 * Keys are kept as digests. When the zone is full the session that was not asked for the longest
 * gives way.
 */
#pragma once

#include "common/zone.h"

extern const struct zone_kind sticky_zone_kind;

/* The route hash of the peer that has the session, which counts as used. 0: none, or not used for
   `timeout_ms`. */
uint64_t sticky_session_find(struct zone *z, struct str key, int64_t timeout_ms);

/* The session belongs to this peer now. False when the zone has no room for even one. */
bool sticky_session_set(struct zone *z, struct str key, uint64_t route, int64_t timeout_ms);
