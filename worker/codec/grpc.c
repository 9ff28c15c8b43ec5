/*
 * worker/codec/grpc.c - what gRPC writes into header fields.
 */
#include "worker/codec/grpc.h"

#define DIGITS_MOST 8

int64_t grpc_timeout_ms(struct str value)
{
    int64_t number = 0;

    if (value.len < 2 || value.len > DIGITS_MOST + 1)
        return -1;
    for (size_t i = 0; i < value.len - 1; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return -1;
        number = number * 10 + (value.data[i] - '0');
    }
    switch (value.data[value.len - 1]) {
    case 'H': return number * 3600000;
    case 'M': return number * 60000;
    case 'S': return number * 1000;
    case 'm': return number;
    case 'u': return (number + 999) / 1000;
    case 'n': return (number + 999999) / 1000000;
    default: return -1;
    }
}
