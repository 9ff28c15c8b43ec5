/*
 * t/unit/upstream/trend_test.c - counts over a moving window.
 */
#include <pthread.h>
#include <stdlib.h>

#include "t/unit/tap.h"
#include "worker/upstream/trend.h"

#define WINDOW 1000

static struct trend trend;

static bool add(int64_t now_ms, uint64_t bad)
{
    return trend_add(&trend, now_ms, WINDOW, (struct trend_sum){1, bad, 5});
}

static uint64_t all_at(int64_t now_ms)
{
    return trend_total(&trend, now_ms, WINDOW).all;
}

static void counts(void)
{
    struct trend_sum sum;

    trend = (struct trend){0};
    is_int(all_at(50), 0, "nothing at first");
    ok(add(50, 0), "the first of its tenth");
    ok(!add(99, 1), "another of the same");
    ok(add(100, 1), "the first of the next");
    sum = trend_total(&trend, 100, WINDOW);
    is_int(sum.all, 3, "all");
    is_int(sum.bad, 2, "the bad ones");
    is_int(sum.ms, 15, "and their time");
}

static void forgets(void)
{
    trend = (struct trend){0};
    for (int64_t ms = 0; ms < 1000; ms += 100)
        add(5000 + ms, 0);
    is_int(all_at(5900), 10, "a whole window");
    is_int(all_at(5999), 10, "until its last tenth is over");
    is_int(all_at(6000), 9, "then the oldest tenth is out");
    is_int(all_at(6500), 4, "and so on");
    is_int(all_at(6900), 0, "until nothing is left");
    is_int(all_at(600000), 0, "for ever");
    add(6000, 0);
    is_int(all_at(6000), 10, "the place of the oldest is used again");
    trend_forget(&trend);
    is_int(all_at(6000), 0, "all can be forgotten");
    add(6000, 1);
    is_int(all_at(6000), 1, "and counting goes on");
}

/* Workers read their clocks at their own times. */
static void bears_other_clocks(void)
{
    trend = (struct trend){0};
    add(7100, 0);
    is_int(all_at(7050), 0, "what is of the future does not count");
    is_int(all_at(7150), 1, "before its time");
    trend_add(&trend, 7150, 100, (struct trend_sum){.all = 1});
    is_int(trend_total(&trend, 7150, 100).all, 1, "another length of the window");
    trend_add(&trend, 7150, 1, (struct trend_sum){.all = 1});
    is_int(trend_total(&trend, 7150, 1).all, 1, "even a tiny one");
}

static void *add_many(void *arg)
{
    for (int i = 0; i < 100000; i++)
        trend_add(&trend, 9000, WINDOW, (struct trend_sum){.all = 1});
    return NULL;
}

static void counts_together(void)
{
    pthread_t threads[2];

    trend = (struct trend){0};
    add(9000, 0);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, add_many, NULL) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    is_int(all_at(9000), 200001, "two at once lose nothing within a tenth");
}

int main(void)
{
    counts();
    forgets();
    bears_other_clocks();
    counts_together();
    return tap_done();
}
