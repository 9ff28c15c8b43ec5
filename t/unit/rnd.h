/*
 * t/unit/rnd.h - numbers that look like chance and are the same in each run (Marsaglia's xorshift).
 */
#pragma once

#include <stdint.h>

static uint64_t rnd_seed = 88172645463325252u;

/* From 0 to below that. */
static inline uint32_t rnd(uint32_t below)
{
    rnd_seed ^= rnd_seed << 13;
    rnd_seed ^= rnd_seed >> 7;
    rnd_seed ^= rnd_seed << 17;
    return (uint32_t)(rnd_seed % below);
}
