/*
 * worker/proxy/probe_grpc.h - what a health check with type=grpc asks, and what it makes of the
 * answers.
 */
#pragma once

#include "worker/proxy/proxy_run.h"

struct grpc_check {
    struct template body;  /* of the call */
    int64_t status;        /* a grpc-status that will do, too; 0: none */
};

/* Config time. */
struct grpc_check *probe_grpc_make(struct pool *pool, struct str service, int64_t status);

/* Method and fields of a request that asks. */
void probe_grpc_question(struct request *r);

/* NULL: the service serves; else what speaks against it. */
const char *probe_grpc_fault(const struct grpc_check *check, const struct proxy_run *run,
                             struct str body);
