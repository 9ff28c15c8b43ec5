/*
 * worker/heir.c - bookings of the dead return to the zones they were made in.
 *
 * A zone that this generation does not have is on its way out, and its counts with it.
 */
#include "worker/heir.h"

#include "common/booking.h"
#include "worker/worker.h"

static bool is_booked_in(const struct booking *b, const struct zone *z)
{
    return z != NULL && z->kind->booked != NULL && zone_id(z) == b->zone;
}

static void give_back(void *arg, struct booking *b)
{
    const struct worker *w = arg;
    uint32_t *count, nowhere = b->n;

    for (const struct zone_spec *spec = w->gen->zones; spec != NULL; spec = spec->next) {
        struct zone *z = spec->zone;

        if (!is_booked_in(b, z))
            continue;
        zone_lock(z);
        count = z->kind->booked(z, b);
        booking_release(z, b, count != NULL ? count : &nowhere);
        zone_unlock(z);
        return;
    }
}

void heir_enter(struct worker *w, uint32_t row)
{
    slots_enter(w->slots, row, give_back, w);
    slots_adopt(w->slots, give_back, w);
}

void heir_leave(struct worker *w)
{
    if (w->slots != NULL && w->slots->mine != SLOTS_NONE)
        slots_leave(w->slots);
}
