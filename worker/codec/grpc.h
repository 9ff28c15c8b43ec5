/*
 * worker/codec/grpc.h - what gRPC writes into header fields ("gRPC over HTTP2").
 */
#pragma once

#include "common/str.h"

/* The value of grpc-timeout ("100m": up to eight digits and one of H M S m u n) in milliseconds,
   rounded up. -1: it is none. */
int64_t grpc_timeout_ms(struct str value);
