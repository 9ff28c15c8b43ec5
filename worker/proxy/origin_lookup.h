/*
 * worker/proxy/origin_lookup.h - from an address computed for a request to the origins behind it.
 */
#pragma once

#include "worker/http/request.h"
#include "worker/net/resolver.h"
#include "worker/proxy/origin.h"

/*
 * Sets target->group to the upstream of that name, or to the literal address; or leaves it NULL and
 * sets target->lookup, for the machine (proxy_run) to resolve. False when nobody can be asked:
 * logged, the answer is 502.
 */
bool origin_locate(struct request *r, struct proxy_pass *target, struct str host_port,
                   int default_port);

/* Begins to look up such a target's name; `done` is posted if that takes a while. In the pool; the
   caller ends it with resolve_end. */
struct resolve *origin_ask(struct request *r, const struct proxy_pass *target, struct post *done);

/* The target with the addresses that were found. NULL when there are none: logged. */
const struct proxy_pass *origin_found(struct request *r, const struct proxy_pass *target,
                                      const struct resolve *lookup);
