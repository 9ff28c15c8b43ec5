/*
 * worker/codec/grpc_health.h - the gRPC Health Checking Protocol, v1: a call with a message each
 * way.
 */
#pragma once

#include "common/str.h"

#define GRPC_HEALTH_PATH "/grpc.health.v1.Health/Check"

/* The body that asks how a service is (empty: the server), at `out`, with room for its length and
   GRPC_HEALTH_MORE; returns the end. A name has at most GRPC_SERVICE_MOST bytes. */
#define GRPC_SERVICE_MOST 8192
#define GRPC_HEALTH_MORE  8
char *grpc_health_ask(char *out, struct str service);

/* ServingStatus. */
enum grpc_health {
    GRPC_HEALTH_UNKNOWN,
    GRPC_HEALTH_SERVING,
    GRPC_HEALTH_NOT_SERVING,
    GRPC_HEALTH_SERVICE_UNKNOWN,
    GRPC_HEALTH_BAD, /* it is no such answer */
};

/* What the body of an answer says. */
enum grpc_health grpc_health_read(struct str body);
