/*
 * t/unit/event/timer_test.c - the wheel against a model that simply looks at every timer.
 */
#include <stdlib.h>
#include <sys/epoll.h>

#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/event/loop.h"

#define TIMERS 300

static struct loop test_loop;

static struct {
    struct timer timer;
    bool set;
    int64_t asked_ms;  /* the earliest allowed */
    int64_t latest_ms;
    int fired;
} all[TIMERS];

static int64_t now_ms;
static int wrong;

static void move_clock(int64_t to_ms)
{
    now_ms = to_ms;
    clock_fake(now_ms, 0);
}

static void on_timer(struct timer *timer)
{
    size_t i = (size_t)((char *)timer - (char *)all) / sizeof(all[0]);

    if (!all[i].set || now_ms < all[i].asked_ms)
        wrong++;
    all[i].set = false;
    all[i].fired++;
}

static void start(int64_t at_ms)
{
    memset(all, 0, sizeof(all));
    for (size_t i = 0; i < TIMERS; i++)
        all[i].timer.on_timer = on_timer;
    move_clock(at_ms);
    loop = &test_loop;
    timers_init(&test_loop.timers, at_ms);
}

static void set(size_t i, int64_t in_ms)
{
    timer_set(&all[i].timer, in_ms);
    all[i].set = true;
    all[i].asked_ms = now_ms + MAX(in_ms, 0);
    all[i].latest_ms = all[i].asked_ms + MAX(in_ms, 0) / 64;
}

static int64_t random_span(void)
{
    return rand() % (INT64_C(1) << (rand() % 22));
}

/* Everything overdue has fired, everything else has not, and the next wake-up is not too late. */
static void check_model(void)
{
    int64_t next_ms = timers_next(&test_loop.timers), latest_ms = INT64_MAX;
    bool any = false;

    for (size_t i = 0; i < TIMERS; i++) {
        wrong += all[i].set != timer_is_set(&all[i].timer);
        if (!all[i].set)
            continue;
        any = true;
        latest_ms = MIN(latest_ms, all[i].latest_ms);
        wrong += all[i].latest_ms < now_ms;
    }
    wrong += any ? next_ms < 0 || now_ms + next_ms > latest_ms : next_ms >= 0;
}

static void one_random_step(void)
{
    size_t i = (size_t)rand() % TIMERS;

    switch (rand() % 4) {
    case 0:
    case 1:
        set(i, random_span());
        break;
    case 2:
        timer_cancel(&all[i].timer);
        all[i].set = false;
        break;
    case 3:
        move_clock(now_ms + random_span() / 8);
        timers_run(&test_loop.timers, now_ms);
        check_model();
        break;
    }
}

static void agrees_with_a_model(void)
{
    srand(42);
    start(1000);
    for (int i = 0; i < 400000; i++)
        one_random_step();
    is_int(wrong, 0, "no timer early, late, lost or fired twice");
    start(INT64_C(1) << 36);
    for (int i = 0; i < 100000; i++)
        one_random_step();
    is_int(wrong, 0, "nor where the digits carry");
}

static void wakes_exactly_when_due(void)
{
    int wakes = 0;

    start(12345);
    set(0, 100);
    while (all[0].fired == 0 && wakes < 10) {
        move_clock(now_ms + timers_next(&test_loop.timers));
        timers_run(&test_loop.timers, now_ms);
        wakes++;
    }
    is_int(now_ms, 12445, "fired at its millisecond");
    ok(wakes <= 2, "one wake-up on the way at most");
    is_int(timers_next(&test_loop.timers), -1, "and nothing is left");
}

static void moving_later_leaves_it_where_it_is(void)
{
    struct timer **link;

    start(0);
    set(0, 1000);
    link = all[0].timer.link;
    set(0, 60000);
    ok(all[0].timer.link == link, "only the time was stored");
    move_clock(1000);
    timers_run(&test_loop.timers, now_ms);
    is_int(all[0].fired, 0, "the old time passes");
    set(0, 10);
    move_clock(1010);
    timers_run(&test_loop.timers, now_ms);
    is_int(all[0].fired, 1, "moving earlier takes effect");
}

static void set_again(struct timer *timer)
{
    all[0].fired++;
    timer_set(timer, 0);
}

static void a_timer_for_now_waits_for_the_next_round(void)
{
    start(500);
    all[0].timer.on_timer = set_again;
    timer_set(&all[0].timer, 0);
    is_int(timers_next(&test_loop.timers), 0, "due at once");
    timers_run(&test_loop.timers, now_ms);
    is_int(all[0].fired, 1, "a timer that sets itself does not hold the loop");
    is_int(timers_next(&test_loop.timers), 0, "it is due again");
    timer_cancel(&all[0].timer);
}

static void cancel_next(struct timer *timer)
{
    timer_cancel(&all[1].timer);
    timer_cancel(&all[2].timer);
    timer_set(&all[3].timer, 50);
}

static void a_firing_timer_may_change_the_others(void)
{
    start(0);
    all[0].timer.on_timer = cancel_next;
    timer_set(&all[0].timer, 1);
    for (size_t i = 1; i < 4; i++)
        set(i, 2);
    move_clock(5);
    timers_run(&test_loop.timers, now_ms);
    is_int(all[1].fired + all[2].fired, 0, "those it cancelled do not fire");
    is_int(all[3].fired, 0, "one that it moved later does not either");
    move_clock(55);
    timers_run(&test_loop.timers, now_ms);
    is_int(all[3].fired, 1, "but then");
}

static void idle_timeouts_share_wake_ups(void)
{
    int wakes = 0;

    start(777);
    for (size_t i = 0; i < TIMERS; i++) {
        move_clock(777 + (int64_t)i);
        timers_run(&test_loop.timers, now_ms);
        set(i, 65000);
    }
    while (timers_next(&test_loop.timers) >= 0) {
        move_clock(now_ms + timers_next(&test_loop.timers));
        timers_run(&test_loop.timers, now_ms);
        wakes++;
    }
    is_int(wrong, 0, "none early");
    ok(wakes <= 6, "300 keep-alive timeouts within 300 ms take a few wake-ups");
}

int main(void)
{
    agrees_with_a_model();
    wakes_exactly_when_due();
    moving_later_leaves_it_where_it_is();
    a_timer_for_now_waits_for_the_next_round();
    a_firing_timer_may_change_the_others();
    idle_timeouts_share_wake_ups();
    return tap_done();
}
