/*
 * worker/limit/places.c - how many of a key may be in progress at once: places taken in a zone.
 *
 * Each place is booked under the worker's slot, so that the heir of a worker that died gives it
 * back. A key without a place in use is forgotten.
 */
#include "worker/limit/places.h"

#include "common/booking.h"
#include "common/generation.h"
#include "worker/net/scope.h"

struct place {
    struct zone *zone;
    struct key_node *node;
    struct booking *booking;        /* NULL: given back */
    struct place *next;
};

static uint32_t *booked(struct zone *z, const struct booking *b)
{
    struct key_node *node = b->kind == BOOKING_PLACE ? key_zone_booked(z, b->key) : NULL;

    return node == NULL ? NULL : &node->count;
}

static void recount(struct zone *z, const struct booking *b)
{
    uint32_t *count = booked(z, b);

    if (count != NULL)
        *count += b->n;
}

static bool repair(struct zone *z)
{
    if (!key_zone_repair(z))
        return false;
    booking_recount(z, recount);
    return true;
}

const struct zone_kind places_zone_kind = {
    .name = "limit_conn", .layout_version = 1, .init = key_zone_init, .repair = repair,
    .booked = booked,
};

static void give_back(struct place *place)
{
    if (place->booking == NULL)
        return;
    zone_lock(place->zone);
    if (booking_release(place->zone, place->booking, &place->node->count) &&
        place->node->count == 0)
        key_zone_remove(place->zone, place->node);
    zone_unlock(place->zone);
    place->booking = NULL;
}

static void on_pool_end(void *arg)
{
    give_back(arg);
}

/* Room is made of keys whose places were given back by an heir. */
static struct key_node *add_node(struct zone *z, struct str key)
{
    struct key_node *node = key_zone_add(z, key), *old, *newer;

    for (old = key_zone_oldest(z); node == NULL && old != NULL; old = newer) {
        newer = key_zone_newer(z, old);
        if (old->count > 0)
            continue;
        key_zone_remove(z, old);
        node = key_zone_add(z, key);
    }
    return node;
}

/* Under the lock. */
static enum place_answer take_one(struct place *place, struct str key, int64_t most)
{
    struct zone *z = place->zone;
    struct key_node *node = key_zone_find(z, key);

    if (node == NULL)
        node = add_node(z, key);
    else if (node->count >= most)
        return PLACE_FULL;
    if (node == NULL)
        return PLACE_NO_ROOM;
    key_zone_touch(z, node);
    place->node = node;
    place->booking = booking_take(z, BOOKING_PLACE, zone_offset(z, &node->count), 1, &node->count);
    if (place->booking == NULL && node->count == 0)
        key_zone_remove(z, node);
    return place->booking == NULL ? PLACE_NO_ROOM : PLACE_TAKEN;
}

enum place_answer places_take(struct scope *s, const struct array *rules,
                              const struct place_rule **full)
{
    enum place_answer answer = PLACE_NO_KEY;
    struct place *taken = NULL;

    EACH (const struct place_rule, rule, rules) {
        struct place *place;
        struct str key;

        if (!key_zone_key(s, rule->spec->data, &key))
            continue;
        place = pool_zalloc(s->pool, sizeof(*place));
        place->zone = rule->spec->zone;
        place->next = taken;
        zone_lock(place->zone);
        answer = take_one(place, key, rule->most);
        zone_unlock(place->zone);
        if (answer != PLACE_TAKEN) {
            *full = rule;
            break;
        }
        pool_on_destroy(s->pool, on_pool_end, place);
        taken = place;
    }
    for (; taken != NULL && answer != PLACE_TAKEN; taken = taken->next)
        give_back(taken);
    return answer;
}
