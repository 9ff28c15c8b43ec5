/*
 * common/random.h - numbers that are quick but guessable, and bytes that nobody can guess.
 */
#pragma once

#include "common/base.h"

/* Quick, for spreading load and jitter. Never for what a peer must not predict. Each process has a
   sequence of its own, also after fork. */
uint64_t random_quick(void);

/* Evenly 0 to n - 1 (n above 0). */
uint32_t random_below(uint32_t n);

/* Bytes for secrets and identifiers, from the kernel. Never fails: aborts where the kernel has none
   to give. */
void random_bytes(void *out, size_t count);
