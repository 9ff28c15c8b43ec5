/*
 * worker/heir.c - bookings of the dead return to the zones they were made in.
 *
 * A zone that this generation does not have is on its way out, and its counts with it.
 */
#include "worker/heir.h"

#include "common/booking.h"
#include "common/generation.h"
#include "common/role.h"

static bool is_booked_in(const struct booking *b, const struct zone *z)
{
    return z != NULL && z->kind->booked != NULL && zone_id(z) == b->zone;
}

static void give_back(void *arg, struct booking *b)
{
    const struct child *child = arg;
    uint32_t *count, nowhere = b->n;

    for (const struct zone_spec *spec = child->gen->zones; spec != NULL; spec = spec->next) {
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

void heir_enter(const struct child *child)
{
    void *arg = (void *)(uintptr_t)child;

    if (child->slots == NULL || child->row == SLOTS_NONE)
        return;
    slots_enter(child->slots, child->row, give_back, arg);
    slots_adopt(child->slots, give_back, arg);
}

void heir_leave(const struct child *child)
{
    if (child->slots != NULL && child->slots->mine != SLOTS_NONE)
        slots_leave(child->slots);
}
