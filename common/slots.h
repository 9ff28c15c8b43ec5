/*
 * common/slots.h - the rows in which children count, and book what they must give back.
 *
 * One table for all generations, made by the master at its start and passed over a binary upgrade.
 * A row belongs to one child of one slot and generation, and is written by its owner alone, so
 * counting takes no lock and no atomic addition. When the owner ends its counters are added to the
 * totals; when it died, its heir does that and returns what it had booked (booking.h).
 *
 * The master: slots_assign() before it forks; once the child is gone, either the same row for its
 * respawn, which is the heir, or slots_release(). A child: slots_enter() before it serves,
 * slots_leave() when it ends in order; slots_adopt() now and then, for rows that have no heir.
 *
 * The master looks only at what has a fixed place here, and takes no lock.
 */
#pragma once

#include <stdatomic.h>

#include "common/lock.h"
#include "common/shm.h"

#define SLOTS_COUNTERS 96 /* added to the totals when their owner ends */
#define SLOTS_GAUGES   32 /* how many there are now: gone with their owner */
#define SLOTS_NUMBERS  (SLOTS_COUNTERS + SLOTS_GAUGES)

struct booking;

enum slot_state { SLOT_FREE, SLOT_USED, SLOT_LEFT, SLOT_DEAD };

struct slot_row {
    _Atomic uint32_t state; /* enum slot_state */
    uint32_t slot;
    uint32_t generation;
    _Atomic int32_t pid;
    _Atomic uint32_t folds; /* how often its counters went to the totals */
    _Atomic uint32_t top;   /* places for bookings used so far; those beyond were never touched */
    uint32_t free;          /* the owner's list of free ones below that, see booking.c */
    _Alignas(64) _Atomic uint64_t numbers[SLOTS_NUMBERS];
};

struct slots_shared;

/* One process's view. */
struct slots {
    struct slots_shared *shared;
    struct slot_row *row;       /* rows of them */
    struct booking *booking;    /* rows times bookings of them */
    uint32_t rows, bookings;    /* known from the header once, as workers may write there */
    uint32_t mine;              /* this process's row; SLOTS_NONE before slots_enter */
    struct shm shm;
};

#define SLOTS_NONE UINT32_MAX

/* Gives back what the row's last owner had booked: see booking_return_all(). */
typedef void booking_heir_fn(void *arg, struct booking *b);

/* For the master ----------------------------------------------------------------------------- */

/* Room for `rows` children at once, each with at most `bookings`. Memory is taken when touched: be
   generous. */
bool slots_create(struct slots *s, uint32_t rows, uint32_t bookings);

/* A table inherited over a binary upgrade. False if its layout is not ours; zones whose users book
   must then not be inherited either. */
bool slots_attach(struct slots *s, int fd);

void slots_close(struct slots *s);

/* A free row, SLOTS_NONE when all are used. */
uint32_t slots_assign(struct slots *s, uint32_t slot, uint32_t generation);

/* The row's owner is gone and none follows. If it did not leave in order, the row waits for who
   adopts it. */
void slots_release(struct slots *s, uint32_t row);

/* For children ------------------------------------------------------------------------------- */

/* Makes the row this process's own. What a predecessor left in it goes to the totals, or to the
   heir function. */
void slots_enter(struct slots *s, uint32_t row, booking_heir_fn *heir, void *arg);

/* Folds the counters. Whatever is still booked, the row's next owner returns. */
void slots_leave(struct slots *s);

/* Does for rows without an heir what he would do. Returns how many there were. */
uint32_t slots_adopt(struct slots *s, booking_heir_fn *heir, void *arg);

/* Adds to a number of this process's row; one thread only. */
static inline void slots_add(struct slots *s, unsigned number, int64_t n)
{
    _Atomic uint64_t *at = &s->row[s->mine].numbers[number];

    atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + (uint64_t)n,
                          memory_order_relaxed);
}

/* All that was ever counted, and all gauges together. */
void slots_read(const struct slots *s, uint64_t out[SLOTS_NUMBERS]);
