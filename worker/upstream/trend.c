/*
 * worker/upstream/trend.c - counts over a moving window of time, in shared memory.
 */
#include "worker/upstream/trend.h"

/* The number of the tenth that `now_ms` is in; never 0, which means "never used". */
static uint32_t turn_at(int64_t now_ms, int64_t window_ms)
{
    return (uint32_t)(now_ms / MAX(window_ms / TREND_CELLS, 1)) + TREND_CELLS;
}

static void empty(struct trend_cell *cell)
{
    atomic_store_explicit(&cell->all, 0, memory_order_relaxed);
    atomic_store_explicit(&cell->bad, 0, memory_order_relaxed);
    atomic_store_explicit(&cell->ms, 0, memory_order_relaxed);
}

bool trend_add(struct trend *t, int64_t now_ms, int64_t window_ms, struct trend_sum add)
{
    uint32_t turn = turn_at(now_ms, window_ms);
    struct trend_cell *cell = &t->cells[turn % TREND_CELLS];
    uint32_t seen = atomic_load_explicit(&cell->turn, memory_order_relaxed);
    bool first = seen != turn && atomic_compare_exchange_strong(&cell->turn, &seen, turn);

    if (first)
        empty(cell);
    if (add.all > 0)
        atomic_fetch_add_explicit(&cell->all, (uint32_t)add.all, memory_order_relaxed);
    if (add.bad > 0)
        atomic_fetch_add_explicit(&cell->bad, (uint32_t)add.bad, memory_order_relaxed);
    if (add.ms > 0)
        atomic_fetch_add_explicit(&cell->ms, add.ms, memory_order_relaxed);
    return first;
}

struct trend_sum trend_total(const struct trend *t, int64_t now_ms, int64_t window_ms)
{
    uint32_t turn = turn_at(now_ms, window_ms);
    struct trend_sum sum = {0};

    for (uint32_t i = 0; i < TREND_CELLS; i++) {
        const struct trend_cell *cell = &t->cells[i];

        /* As unsigned numbers: a cell of the future, by another worker's clock, does not count. */
        if (turn - atomic_load_explicit(&cell->turn, memory_order_relaxed) >= TREND_CELLS)
            continue;
        sum.all += atomic_load_explicit(&cell->all, memory_order_relaxed);
        sum.bad += atomic_load_explicit(&cell->bad, memory_order_relaxed);
        sum.ms += atomic_load_explicit(&cell->ms, memory_order_relaxed);
    }
    return sum;
}

void trend_forget(struct trend *t)
{
    for (uint32_t i = 0; i < TREND_CELLS; i++)
        empty(&t->cells[i]);
}
