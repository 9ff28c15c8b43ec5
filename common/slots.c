/*
 * common/slots.c - the rows in which children count, and book what they must give back.
 *
 * Totals exist twice. A fold writes the spare ones, with the name of the row they now include, and
 * then makes them current by one store; only after that is the row cleared. So at any instruction a
 * row's counters are in the totals or in the row, and a reader that finds the row named there
 * knows which.
 */
#include "common/slots.h"

#include <errno.h>
#include <unistd.h>

#include "common/booking.h"

#define MAGIC    0x73746f6c73726577u /* "werslots" */
#define ROWS_MAX (1u << 16)

struct totals {
    uint32_t row;   /* the last one folded, */
    uint32_t folds; /* when it had been folded so often */
    _Atomic uint64_t counters[SLOTS_COUNTERS];
};

struct slots_shared {
    uint64_t magic, layout;
    uint32_t rows, bookings;
    struct lock lock;        /* for who folds */
    _Atomic uint32_t turns;  /* totals[turns & 1] are current */
    struct totals totals[2];
};

/* Making ------------------------------------------------------------------------------------- */

static uint64_t layout(void)
{
    const uint64_t sizes = sizeof(struct slots_shared) << 32 | sizeof(struct slot_row) << 8 |
                           sizeof(struct booking);

    return lock_layout() * 1099511628211u + sizes * SLOTS_COUNTERS;
}

static size_t head_bytes(void)
{
    return (sizeof(struct slots_shared) + 63) / 64 * 64;
}

static size_t table_bytes(uint32_t rows, uint32_t bookings)
{
    return head_bytes() + rows * (sizeof(struct slot_row) + bookings * sizeof(struct booking));
}

static void view(struct slots *s, const struct shm *shm, uint32_t rows, uint32_t bookings)
{
    char *base = shm->base;

    *s = (struct slots){
        .shared = shm->base,
        .row = (struct slot_row *)(void *)(base + head_bytes()),
        .rows = rows,
        .bookings = bookings,
        .mine = SLOTS_NONE,
        .shm = *shm,
    };
    s->booking = (struct booking *)(void *)(s->row + rows);
}

bool slots_create(struct slots *s, uint32_t rows, uint32_t bookings)
{
    struct shm shm;

    must(rows > 0 && rows <= ROWS_MAX && bookings > 0);
    if (!shm_create(&shm, "slots", table_bytes(rows, bookings)))
        return false;
    view(s, &shm, rows, bookings);
    s->shared->magic = MAGIC;
    s->shared->layout = layout();
    s->shared->rows = rows;
    s->shared->bookings = bookings;
    lock_init(&s->shared->lock);
    for (int i = 0; i < 2; i++)
        s->shared->totals[i].row = SLOTS_NONE;
    return true;
}

bool slots_attach(struct slots *s, int fd)
{
    struct shm shm;
    const struct slots_shared *h;
    uint32_t rows, bookings;

    if (!shm_attach(&shm, fd))
        return false;
    h = shm.base;
    if (shm.bytes >= sizeof(*h) && h->magic == MAGIC && h->layout == layout()) {
        rows = *(const volatile uint32_t *)&h->rows;
        bookings = *(const volatile uint32_t *)&h->bookings;
        if (rows > 0 && rows <= ROWS_MAX && table_bytes(rows, bookings) == shm.bytes) {
            view(s, &shm, rows, bookings);
            return true;
        }
    }
    shm.fd = -1; /* stays the caller's */
    shm_close(&shm);
    errno = EINVAL;
    return false;
}

void slots_close(struct slots *s)
{
    shm_close(&s->shm);
    *s = (struct slots){.mine = SLOTS_NONE, .shm.fd = -1};
}

uint32_t slots_assign(struct slots *s, uint32_t slot, uint32_t generation)
{
    for (uint32_t i = 0; i < s->rows; i++) {
        uint32_t want = SLOT_FREE;

        /* Two masters may be looking, while one binary succeeds the other. */
        if (!atomic_compare_exchange_strong(&s->row[i].state, &want, SLOT_USED))
            continue;
        s->row[i].slot = slot;
        s->row[i].generation = generation;
        return i;
    }
    return SLOTS_NONE;
}

void slots_release(struct slots *s, uint32_t row)
{
    must(row < s->rows);
    atomic_store(&s->row[row].state,
                 atomic_load(&s->row[row].state) == SLOT_LEFT ? SLOT_FREE : SLOT_DEAD);
}

/* Folding ------------------------------------------------------------------------------------ */

static bool is_folded(const struct slots *s, const struct totals *t, uint32_t row)
{
    return t->row == row && atomic_load(&s->row[row].folds) == t->folds;
}

static void clear_row(struct slots *s, uint32_t row)
{
    struct slot_row *r = &s->row[row];

    for (unsigned i = 0; i < SLOTS_NUMBERS; i++)
        atomic_store_explicit(&r->numbers[i], 0, memory_order_relaxed);
    atomic_fetch_add(&r->folds, 1);
}

/* What the last one to fold left undone when it died. */
static void finish_fold(struct slots *s)
{
    const struct totals *t = &s->shared->totals[atomic_load(&s->shared->turns) & 1];

    if (t->row < s->rows && is_folded(s, t, t->row))
        clear_row(s, t->row);
}

static void fold(struct slots *s, uint32_t row)
{
    uint32_t turns = atomic_load(&s->shared->turns);
    struct totals *now = &s->shared->totals[turns & 1];
    struct totals *next = &s->shared->totals[(turns + 1) & 1];

    for (unsigned i = 0; i < SLOTS_COUNTERS; i++)
        next->counters[i] = now->counters[i] + s->row[row].numbers[i];
    next->row = row;
    next->folds = s->row[row].folds;
    atomic_store(&s->shared->turns, turns + 1);
    clear_row(s, row);
}

static void take(struct slots *s)
{
    if (lock_take(&s->shared->lock) == LOCK_INHERITED) {
        finish_fold(s);
        lock_repaired(&s->shared->lock);
    }
}

static void fold_row(struct slots *s, uint32_t row)
{
    take(s);
    fold(s, row);
    lock_give(&s->shared->lock);
}

void slots_enter(struct slots *s, uint32_t row, booking_heir_fn *heir, void *arg)
{
    must(row < s->rows);
    s->mine = row;
    booking_return_all(s, row, heir, arg);
    fold_row(s, row);
    atomic_store(&s->row[row].pid, (int32_t)getpid());
    atomic_store(&s->row[row].state, SLOT_USED);
}

void slots_leave(struct slots *s)
{
    uint32_t row = s->mine;

    s->mine = SLOTS_NONE;
    fold_row(s, row);
    atomic_store(&s->row[row].pid, 0);
    atomic_store(&s->row[row].state, SLOT_LEFT);
}

uint32_t slots_adopt(struct slots *s, booking_heir_fn *heir, void *arg)
{
    uint32_t adopted = 0;

    for (uint32_t row = 0; row < s->rows; row++) {
        if (atomic_load(&s->row[row].state) != SLOT_DEAD)
            continue;
        /* Held until the row is free, so that one does it; the next, if that one dies. */
        take(s);
        if (atomic_load(&s->row[row].state) == SLOT_DEAD) {
            booking_return_all(s, row, heir, arg);
            fold(s, row);
            atomic_store(&s->row[row].pid, 0);
            atomic_store(&s->row[row].state, SLOT_FREE);
            adopted++;
        }
        lock_give(&s->shared->lock);
    }
    return adopted;
}

static void add_row(const struct slot_row *r, uint64_t out[SLOTS_NUMBERS])
{
    unsigned count = atomic_load(&r->state) == SLOT_USED ? SLOTS_NUMBERS : SLOTS_COUNTERS;

    for (unsigned i = 0; i < count; i++)
        out[i] += atomic_load_explicit(&r->numbers[i], memory_order_relaxed);
}

static uint32_t read_once(const struct slots *s, uint64_t out[SLOTS_NUMBERS])
{
    uint32_t turns = atomic_load(&s->shared->turns);
    const struct totals *t = &s->shared->totals[turns & 1];

    for (unsigned i = 0; i < SLOTS_NUMBERS; i++)
        out[i] = i < SLOTS_COUNTERS ? t->counters[i] : 0;
    for (uint32_t row = 0; row < s->rows; row++)
        if (atomic_load(&s->row[row].state) != SLOT_FREE && !is_folded(s, t, row))
            add_row(&s->row[row], out);
    return turns;
}

void slots_read(const struct slots *s, uint64_t out[SLOTS_NUMBERS])
{
    uint32_t turns;

    do {
        turns = read_once(s, out);
        atomic_thread_fence(memory_order_acquire);
    } while (turns != atomic_load(&s->shared->turns));
}
