/*
 * worker/proxy/upstream_vars.h - the variables that speak of origins: $upstream_..., $proxy_...
 */
#pragma once

#include "worker/proxy/proxy_run.h"

struct tunnel;

/* What a request keeps of its ways to origins, also over internal redirects. */
struct upstream_summary {
    struct dial_try *tries;             /* of all runs, the oldest first */
    const struct http_fields *fields;   /* of the last answer */
    const struct http_fields *trailers;
    struct proxy_run *run;              /* the current or last one; NULL: a tunnel took over */
    struct tunnel *tunnel;              /* in its place */
    const struct proxy_pass *target;    /* of the current or last run */
    bool http;                          /* which is one of proxy_pass */
    struct str accel_type;              /* Content-Type that came with X-Accel-Redirect */
};

struct upstream_summary *upstream_summary_get(struct request *r);

extern const struct module upstream_vars_module;
