/*
 * worker/access/limit_headers.h - what a client that limits have refused is told in fields.
 *
 * Retry-After (RFC 9110, 10.2.3), RateLimit-Policy and RateLimit
 * (draft-ietf-httpapi-ratelimit-headers-10).
 */
#pragma once

#include "common/module.h"
#include "worker/http/request.h"

extern const struct module limit_headers_module;

/* A limit's refusal. Stays valid as long as the request. */
struct limit_refusal {
    struct str name;      /* of the zone */
    int64_t quota;        /* requests in `window_s`, or at once */
    int64_t window_s;     /* 0: the limit is on requests at once */
    int64_t wait_ms;      /* when it is worth another try */
};

/* Tells of it in the response, if `limit_headers` is on and it is still a 429 or 503. */
void limit_headers_note(struct request *r, const struct limit_refusal *refusal);
