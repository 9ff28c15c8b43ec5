/*
 * worker/keeper/lease.h - which keeper of all generations acts.
 *
 * The lease lies in a zone that all generations share. The newest generation's keeper takes it from
 * older ones. It is renewed while its holder lives; one that was not goes to whoever is left, as
 * after a reload that failed.
 */
#pragma once

#include "common/zone.h"

#define LEASE_RENEW_MS 1000
#define LEASE_VOID_MS  5000 /* when its holder has not renewed it for so long */

extern const struct zone_kind lease_zone_kind;

/* Takes or renews it; at least every LEASE_RENEW_MS. False when a newer generation has it. */
bool lease_take(struct zone *z, uint32_t generation);

/* Still ours? Cheap: to be asked before each act. */
bool lease_is_ours(const struct zone *z, uint32_t generation);

/* Gives it back. */
void lease_leave(struct zone *z, uint32_t generation);
