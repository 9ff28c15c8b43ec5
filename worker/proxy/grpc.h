/*
 * worker/proxy/grpc.h - grpc_pass: requests to gRPC servers.
 */
#pragma once

#include "common/module.h"

extern const struct module grpc_module;
extern uint32_t grpc_index;
