/*
 * worker/codec/mp4_bytes.h - numbers as MP4 files have them: the high byte first.
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t mp4_get32(const char *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof(n));
    return be32toh(n);
}

static inline uint64_t mp4_get64(const char *p)
{
    uint64_t n;

    memcpy(&n, p, sizeof(n));
    return be64toh(n);
}

static inline void mp4_put32(char *p, uint32_t n)
{
    n = htobe32(n);
    memcpy(p, &n, sizeof(n));
}

static inline void mp4_put64(char *p, uint64_t n)
{
    n = htobe64(n);
    memcpy(p, &n, sizeof(n));
}
