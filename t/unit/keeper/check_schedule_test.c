/*
 * t/unit/keeper/check_schedule_test.c - checks of many peers do not come at once.
 */
#include "t/unit/tap.h"
#include "worker/keeper/check_schedule.h"

#define MANY     1000
#define INTERVAL 5000

static void first_checks(void)
{
    int64_t last_ms = schedule_first(MANY - 1, MANY, INTERVAL);

    is_int((int)schedule_first(0, 1, INTERVAL), 0, "one peer is asked at once");
    ok(last_ms > 1500 && last_ms < INTERVAL, "a thousand in single file, soon");
    ok(schedule_first(MANY - 1, MANY, 100) < 100, "within an interval, however short");
}

/* The most checks of a thousand peers that begin within 100 ms, in the interval after the first. */
static int most_at_once(void)
{
    int starts[2 * INTERVAL / 100 + 100] = {0}, most = 0;

    for (uint32_t k = 0; k < MANY; k++) {
        int64_t at_ms = schedule_first(k, MANY, INTERVAL) + schedule_next(true, MANY, INTERVAL, 0);

        starts[at_ms / 100]++;
    }
    for (size_t i = 0; i < COUNT(starts); i++)
        most = MAX(most, starts[i]);
    return most;
}

static void later_checks(void)
{
    bool good = true, varied = false;

    ok(most_at_once() < 60, "the second checks are spread over the interval");
    is_int((int)schedule_next(false, MANY, INTERVAL, 0), INTERVAL, "then each keeps its time");
    is_int((int)schedule_next(true, 3, INTERVAL, 0), INTERVAL, "few peers do from the start");
    for (int i = 0; i < 1000; i++) {
        int64_t next_ms = schedule_next(false, MANY, INTERVAL, 200);

        good &= next_ms >= INTERVAL && next_ms <= INTERVAL + 200;
        varied |= next_ms > INTERVAL + 100;
    }
    ok(good && varied, "jitter: any time later, up to that");
    good = true;
    for (int i = 0; i < 1000; i++)
        good &= schedule_next(true, MANY, 1, 0) >= 1;
    ok(good, "the shortest interval");
}

int main(void)
{
    first_checks();
    later_checks();
    return tap_done();
}
