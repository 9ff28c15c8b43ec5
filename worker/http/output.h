/*
 * worker/http/output.h - the last touches to a response before the wire gets it.
 */
#pragma once

#include "worker/http/request.h"

/* Collects the filters of modules[], with phase_collect. */
void output_collect(const struct generation *gen);

/* Standard page where an error has no body, forced status, absolute Location, then the filters in
   order. Afterwards r->out is what the wire sends. False when a filter refused the request (an
   answer of its own by request_fail): that error is to be answered instead. */
bool output_finish(struct request *r);

/* Whether a response of this status to this request has a body at all (RFC 9110, 6.4.1). */
static inline bool output_has_body(const struct request *r)
{
    return !r->header_only && r->out.status >= 200 && r->out.status != 204 && r->out.status != 304;
}

/* Drops the body and what describes it. */
void output_drop_body(struct request *r);
