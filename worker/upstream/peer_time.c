/*
 * worker/upstream/peer_time.c - how long a peer takes to answer, as all workers have seen it.
 *
 * Of awaited answers the zone has their number and the sum of when they were asked for, both booked
 * by those who wait: the sum is in ticks and modulo 2^32, as booked counts are.
 */
#include "worker/upstream/peer_time.h"

#include "common/booking.h"
#include "common/clock.h"

#define TICK_MS  64
#define SHARE    8    /* of a new value in the average: one part in so many */
#define LEAST_US 100  /* the clock is too coarse to tell less */

static uint32_t tick_now(void)
{
    return (uint32_t)(clock_mono_ms / TICK_MS);
}

static struct booking *take(struct zone *z, uint32_t n, uint32_t *count)
{
    return booking_take(z, BOOKING_PEER, zone_offset(z, count), n, count);
}

static void release(struct zone *z, struct booking **b, uint32_t *count)
{
    if (*b != NULL)
        booking_release(z, *b, count);
    *b = NULL;
}

void peer_time_begin(const struct peer *peer, struct peer_wait *wait)
{
    struct peer_state *state = peer_state(peer);
    struct zone *z = peer_zone_of(peer->group);

    *wait = (struct peer_wait){NULL, NULL};
    if (peer_slots_of(z) == NULL)
        return;
    wait->pending = take(z, 1, &state->pending);
    wait->since = wait->pending == NULL ? NULL : take(z, tick_now(), &state->since);
    if (wait->since == NULL)
        release(z, &wait->pending, &state->pending);
}

void peer_time_end(const struct peer *peer, struct peer_wait *wait)
{
    struct peer_state *state = peer_state(peer);
    struct zone *z = peer_zone_of(peer->group);

    if (wait->pending == NULL)
        return;
    peer_lock(peer->group);
    release(z, &wait->pending, &state->pending);
    release(z, &wait->since, &state->since);
    peer_unlock(peer->group);
}

static int64_t faded(const struct peer_state *state, enum peer_timing what)
{
    int64_t halves = (clock_mono_ms - state->timed_ms) / 1000 / PEER_TIME_HALF_S;

    if (state->time_us[what - 1] == 0)
        return 0;
    return MAX(state->time_us[what - 1] >> MIN(MAX(halves, 0), 40), LEAST_US);
}

void peer_time_note(const struct peer *peer, enum peer_timing what, int64_t ms, bool failed)
{
    struct peer_state *state = peer_state(peer);
    int64_t us = MAX(ms * 1000, LEAST_US), before;

    peer_lock(peer->group);
    before = faded(state, what);
    if (!failed || (before > 0 && us > before)) {
        state->time_us[what - 1] = before == 0 ? us : MAX(before + (us - before) / SHARE, LEAST_US);
        state->timed_ms = clock_mono_ms;
    }
    peer_unlock(peer->group);
}

int64_t peer_time_us(const struct peer_state *state, enum peer_timing what, bool inflight)
{
    int64_t us = faded(state, what);
    uint32_t waited;

    if (!inflight || state->pending == 0)
        return us;
    waited = state->pending * tick_now() - state->since;
    return MAX(us, (int64_t)waited * TICK_MS * 1000 / state->pending);
}
