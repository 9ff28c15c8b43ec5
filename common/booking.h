/*
 * common/booking.h - what a child has taken in a zone and must give back, whatever becomes of it.
 *
 * A thing taken is a number added to a count in a zone: places of limit_conn, connections to a
 * peer, pins. It is written down in the taker's row before the count changes, and the heir of a
 * dead child gives back what it finds there. Both change under the zone's lock, so a death
 * elsewhere leaves them in agreement; one under the lock leads to the kind's repair, which must set
 * the counts to 0 and then add up what booking_recount() tells it.
 *
 *     zone_lock(z);
 *     b = booking_take(z, PEER, zone_offset(z, peer), 1, &peer->conns);
 *     zone_unlock(z);
 */
#pragma once

#include "common/slots.h"
#include "common/zone.h"

/* MOVED: to another row; the former owner's booking_forget() makes it free. */
enum booking_state { BOOKING_NONE, BOOKING_HELD, BOOKING_MOVED };

struct booking {
    _Atomic uint32_t state; /* enum booking_state */
    uint32_t kind;          /* the taker's word for it */
    _Atomic uint64_t zone;  /* zone_id() */
    uint64_t key;           /* usually the offset of what holds the count */
    uint32_t n;
};

/* Adds n to *count. NULL, and nothing is taken, when the row has no place for a booking. */
struct booking *booking_take(struct zone *z, uint32_t kind, uint64_t key, uint32_t n,
                             uint32_t *count);

/* Subtracts it again; the booking is gone in any case. False when there is nothing to subtract, for
   the zone was emptied meanwhile: `count` is not looked at then. */
bool booking_release(struct zone *z, struct booking *b, uint32_t *count);

/* A booking from another row, made this process's with the connection it belongs to. NULL when
   there is no place: it then stays where it is. */
struct booking *booking_move(struct zone *z, struct booking *b);

/* What another process has moved to itself is free again here. */
void booking_forget(struct slots *s, struct booking *b);

/* Tells a kind's repair each booking in its zone. */
typedef void booking_count_fn(struct zone *z, const struct booking *b);
void booking_recount(struct zone *z, booking_count_fn *fn);

/* Calls the heir function for all that is booked in a row. It finds the zone (none: return), takes
   its lock, calls booking_release(), gives the lock back. */
void booking_return_all(struct slots *s, uint32_t row, booking_heir_fn *heir, void *arg);

/* Position in the table, the same in each process: for messages. NULL if that is no place. */
uint64_t booking_number(const struct slots *s, const struct booking *b);
struct booking *booking_find(const struct slots *s, uint64_t number);
