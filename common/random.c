/*
 * common/random.c - xoshiro256** (Blackman and Vigna) seeded by the kernel, and the kernel itself.
 */
#include "common/random.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

static uint64_t state[4];
static bool seeded;

void random_bytes(void *out, size_t count)
{
    char *p = out;

    while (count > 0) {
        ssize_t n = getrandom(p, count, 0);

        must(n > 0 || errno == EINTR);
        if (n > 0) {
            p += n;
            count -= (size_t)n;
        }
    }
}

static void forget_seed(void)
{
    seeded = false;
}

static void seed(void)
{
    static bool registered;

    if (!registered)
        pthread_atfork(NULL, NULL, forget_seed); /* a child must not repeat its parent */
    registered = seeded = true;
    random_bytes(state, sizeof(state));
    state[0] |= 1; /* all zero would stay so */
}

static inline uint64_t rotated(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

uint64_t random_quick(void)
{
    uint64_t result, shifted;

    if (unlikely(!seeded))
        seed();
    result = rotated(state[1] * 5, 7) * 9;
    shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotated(state[3], 45);
    return result;
}

uint32_t random_below(uint32_t n)
{
    uint64_t wide = (random_quick() >> 32) * n;

    while (unlikely((uint32_t)wide < -n % n)) /* the last incomplete round would favour some */
        wide = (random_quick() >> 32) * n;
    return (uint32_t)(wide >> 32);
}
