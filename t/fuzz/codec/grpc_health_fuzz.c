/*
 * t/fuzz/codec/grpc_health_fuzz.c - any body as the answer to a gRPC health check.
 */
#include "worker/codec/grpc_health.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size};

    must(grpc_health_read(body) <= GRPC_HEALTH_BAD);
    must(size >= 5 || grpc_health_read(body) == GRPC_HEALTH_BAD);
    return 0;
}
