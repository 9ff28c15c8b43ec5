/*
 * common/booking.c - what a child has taken in a zone and must give back, whatever becomes of it.
 *
 * The bookings of a zone change under its lock, together with the counts: a death between the two
 * leads to a recount, so it does not matter which comes first. The list of free places is the
 * owner's, and made anew when the row gets another owner.
 */
#include "common/booking.h"

static uint32_t state_of(const struct booking *b)
{
    return atomic_load_explicit(&b->state, memory_order_acquire);
}

/* Also a fence to the compiler: a death finds the steps in their order. */
static void set_state(struct booking *b, enum booking_state state)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&b->state, state, memory_order_release);
    atomic_signal_fence(memory_order_seq_cst);
}

static struct booking *first_of(const struct slots *s, uint32_t row)
{
    return s->booking + (size_t)row * s->bookings;
}

/* A free place's key is the number after that of the next free one, 0 at the end. */
static struct booking *take_place(struct slots *s)
{
    struct slot_row *row = &s->row[s->mine];
    struct booking *first = first_of(s, s->mine);
    struct booking *b;

    if (row->free != 0) {
        b = &first[row->free - 1];
        row->free = (uint32_t)b->key;
        return b;
    }
    if (row->top == s->bookings)
        return NULL;
    b = &first[row->top];
    atomic_store(&row->top, row->top + 1);
    return b;
}

/* A place in another row stays out of its list, which is made anew with its next owner. */
static void give_place(struct slots *s, struct booking *b)
{
    uint64_t number = booking_number(s, b);
    struct slot_row *row;

    if (state_of(b) == BOOKING_NONE)
        return;
    set_state(b, BOOKING_NONE);
    if (number / s->bookings != s->mine)
        return;
    row = &s->row[s->mine];
    b->key = row->free;
    row->free = (uint32_t)(number % s->bookings) + 1;
}

struct booking *booking_take(struct zone *z, uint32_t kind, uint64_t key, uint32_t n,
                             uint32_t *count)
{
    struct booking *b;

    must(z->slots != NULL && z->slots->mine != SLOTS_NONE);
    b = take_place(z->slots);
    if (b == NULL)
        return NULL;
    b->kind = kind;
    b->key = key;
    b->n = n;
    atomic_store_explicit(&b->zone, zone_id(z), memory_order_relaxed);
    set_state(b, BOOKING_HELD);
    *count += n;
    return b;
}

static bool is_held(const struct zone *z, const struct booking *b)
{
    return state_of(b) == BOOKING_HELD && b->zone == zone_id(z);
}

bool booking_release(struct zone *z, struct booking *b, uint32_t *count)
{
    bool held = is_held(z, b);

    if (held)
        *count -= b->n;
    give_place(z->slots, b);
    return held;
}

struct booking *booking_move(struct zone *z, struct booking *b)
{
    uint32_t none = 0;
    struct booking *mine;

    if (!is_held(z, b))
        return NULL;
    mine = booking_take(z, b->kind, b->key, b->n, &none);
    if (mine != NULL)
        set_state(b, BOOKING_MOVED);
    return mine;
}

void booking_forget(struct slots *s, struct booking *b)
{
    if (state_of(b) == BOOKING_MOVED)
        give_place(s, b);
}

void booking_recount(struct zone *z, booking_count_fn *fn)
{
    struct slots *s = z->slots;

    for (uint32_t row = 0; s != NULL && row < s->rows; row++) {
        struct booking *b = first_of(s, row);
        struct booking *end = b + MIN(atomic_load(&s->row[row].top), s->bookings);

        for (; b < end; b++)
            if (is_held(z, b))
                fn(z, b);
    }
}

void booking_return_all(struct slots *s, uint32_t row, booking_heir_fn *heir, void *arg)
{
    struct slot_row *r = &s->row[row];
    struct booking *b = first_of(s, row);
    struct booking *end = b + MIN(atomic_load(&r->top), s->bookings);

    for (; b < end; b++) {
        if (state_of(b) == BOOKING_HELD)
            heir(arg, b);
        set_state(b, BOOKING_NONE);
    }
    r->free = 0;
    atomic_store(&r->top, 0);
}

uint64_t booking_number(const struct slots *s, const struct booking *b)
{
    return (uint64_t)(b - s->booking);
}

struct booking *booking_find(const struct slots *s, uint64_t number)
{
    return number < (uint64_t)s->rows * s->bookings ? s->booking + number : NULL;
}
