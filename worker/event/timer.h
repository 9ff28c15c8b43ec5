/*
 * worker/event/timer.h - deadlines in a hierarchical wheel: set, move and cancel in constant time.
 *
 * Millisecond resolution. A timer never fires early. Below four seconds it fires at its
 * millisecond; above, due times are rounded up by at most 1/64 of the span, so that the timeouts of
 * thousands of idle connections share a few wake-ups.
 */
#pragma once

#include "common/base.h"

struct timer {
    struct timer *next, **link;  /* link NULL: not set */
    int64_t due_ms;              /* clock_mono_ms at which it fires */
    void (*on_timer)(struct timer *timer);
};

#define TIMER_LEVELS 7 /* 64^7 ms: 139 years of uptime */

struct timers {
    int64_t now_ms;
    uint64_t occupied[TIMER_LEVELS];
    struct timer *slot[TIMER_LEVELS][64];
};

void timers_init(struct timers *t, int64_t now_ms);

/* On the process's loop: (re)arms to fire in `in_ms` (0 or less: without sleeping first). Moving to
   a later time a timer that is set costs a store: it is moved when its old time comes. */
void timer_set(struct timer *timer, int64_t in_ms);
void timer_cancel(struct timer *timer);

static inline bool timer_is_set(const struct timer *timer)
{
    return timer->link != NULL;
}

/* Milliseconds until the next may fire, -1 if none is set. */
int64_t timers_next(const struct timers *t);

/* Fires all that are due at now_ms. */
void timers_run(struct timers *t, int64_t now_ms);
