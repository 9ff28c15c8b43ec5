/*
 * worker/event/timer.c - the wheel.
 *
 * Time is written in base 64. A timer lies on the level of the highest digit in which its due time
 * differs from the wheel's, in the slot of that digit; so every occupied slot of a level is ahead
 * of the wheel, all of a level come before any of the next, and the first bit of the lowest
 * occupied level names the next moment at which something is to be done: to move timers one or more
 * levels down, or to fire them.
 */
#include "worker/event/timer.h"

#include <string.h>

#include "common/clock.h"
#include "worker/event/loop.h"

#define DIGIT_BITS 6
#define COARSE_MS  4096             /* from this span on due times are rounded */
#define LONGEST_MS (INT64_C(1) << 40) /* 34 years */

void timers_init(struct timers *t, int64_t now_ms)
{
    memset(t, 0, sizeof(*t));
    t->now_ms = now_ms;
}

static void push(struct timer **head, struct timer *timer)
{
    timer->next = *head;
    timer->link = head;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    *head = timer;
}

static void insert(struct timers *t, struct timer *timer)
{
    int64_t due_ms = MAX(timer->due_ms, t->now_ms);
    uint64_t differs = (uint64_t)due_ms ^ (uint64_t)t->now_ms;
    int level = differs == 0 ? 0 : (63 - __builtin_clzll(differs)) / DIGIT_BITS;
    int digit = (int)(due_ms >> (level * DIGIT_BITS)) & 63;

    must(level < TIMER_LEVELS);
    push(&t->slot[level][digit], timer);
    t->occupied[level] |= UINT64_C(1) << digit;
}

static void unlink_timer(struct timers *t, struct timer *timer)
{
    struct timer **link = timer->link, **first = &t->slot[0][0];

    *link = timer->next;
    if (timer->next != NULL)
        timer->next->link = link;
    else if (link >= first && link < first + TIMER_LEVELS * 64 && *link == NULL) {
        size_t at = (size_t)(link - first);

        t->occupied[at / 64] &= ~(UINT64_C(1) << (at % 64));
    }
    timer->next = NULL;
    timer->link = NULL;
}

static int64_t due_time(int64_t in_ms)
{
    int64_t due_ms, grain;

    if (in_ms <= 0)
        return clock_mono_ms;
    in_ms = MIN(in_ms, LONGEST_MS);
    due_ms = clock_mono_ms + in_ms;
    if (in_ms < COARSE_MS)
        return due_ms;
    grain = INT64_C(1) << (63 - __builtin_clzll((uint64_t)in_ms / 64));
    return (due_ms + grain - 1) & -grain;
}

void timer_set(struct timer *timer, int64_t in_ms)
{
    struct timers *t = &loop->timers;
    int64_t due_ms = due_time(in_ms);

    if (timer->link != NULL) {
        if (due_ms >= timer->due_ms) {
            timer->due_ms = due_ms;
            return;
        }
        unlink_timer(t, timer);
    }
    timer->due_ms = due_ms;
    insert(t, timer);
}

void timer_cancel(struct timer *timer)
{
    if (timer->link != NULL)
        unlink_timer(&loop->timers, timer);
}

/* The lowest occupied level, -1 if none. */
static int lowest_level(const struct timers *t)
{
    for (int level = 0; level < TIMER_LEVELS; level++)
        if (t->occupied[level] != 0)
            return level;
    return -1;
}

/* When the wheel reaches the first slot of that level. */
static int64_t slot_time(const struct timers *t, int level)
{
    int shift = level * DIGIT_BITS;
    int64_t above = t->now_ms >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);

    return above | (int64_t)__builtin_ctzll(t->occupied[level]) << shift;
}

int64_t timers_next(const struct timers *t)
{
    int level = lowest_level(t);

    return level < 0 ? -1 : slot_time(t, level) - t->now_ms;
}

/* Empties the first slot of a level: what is due at until_ms goes to the end of *due, the rest to
   where it belongs now. Returns the new end. */
static struct timer **empty_slot(struct timers *t, int level, int64_t until_ms, struct timer **end)
{
    int digit = __builtin_ctzll(t->occupied[level]);
    struct timer *timer = t->slot[level][digit], *next;

    t->slot[level][digit] = NULL;
    t->occupied[level] &= t->occupied[level] - 1;
    for (; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->due_ms > until_ms) {
            insert(t, timer);
            continue;
        }
        push(end, timer);
        end = &timer->next;
    }
    return end;
}

static void fire(struct timers *t, struct timer **due)
{
    struct timer *timer;

    while ((timer = *due) != NULL) {
        unlink_timer(t, timer);
        if (timer->due_ms > t->now_ms) /* moved by one that fired before it */
            insert(t, timer);
        else
            timer->on_timer(timer);
    }
}

void timers_run(struct timers *t, int64_t now_ms)
{
    struct timer *due = NULL, **end = &due;
    int level;

    while ((level = lowest_level(t)) >= 0) {
        int64_t at_ms = slot_time(t, level);

        if (at_ms > now_ms)
            break;
        t->now_ms = at_ms;
        end = empty_slot(t, level, now_ms, end);
    }
    t->now_ms = MAX(t->now_ms, now_ms);
    fire(t, &due);
}
