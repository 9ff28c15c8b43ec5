/*
 * worker/proxy/probe_http.h - health checks that send a request, in whatever protocol the location
 * speaks to its origins.
 */
#pragma once

#include "worker/http/server.h"
#include "worker/proxy/proxy.h"
#include "worker/upstream/probe.h"

struct grpc_check;

/* What such a check asks: its health_check.talk. */
struct http_check {
    uint32_t index;                  /* of the module that speaks */
    size_t conf_bytes;               /* of its struct */
    const struct origin_conf *conf;  /* that struct, which holds where the check stands */
    void **scope_conf;               /* all modules' there */
    struct location *location;       /* NULL: it stands in an upstream; then the first server's */
    const struct http_conf *http;
    phase_fn *handler;               /* passes a request on */
    struct send_plan *plan;          /* of HTTP: the fields; else NULL */
    const struct var_table *vars;
    bool memcached;                  /* the uri is the key; that it is not there will do */
    uint32_t key;                    /* variable for it */
    const struct grpc_check *grpc;   /* type=grpc; else NULL */
};

extern const struct probe_ops probe_http;
