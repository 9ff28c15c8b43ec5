/*
 * worker/limit/places.h - how many of a key may be in progress at once: places taken in a zone.
 */
#pragma once

#include "worker/limit/key_zone.h"

extern const struct zone_kind places_zone_kind;

#define BOOKING_PLACE 2 /* a place of limit_conn; the key is the offset of the node's count */

/* One `limit_conn`. */
struct place_rule {
    struct zone_spec *spec;         /* its data: a struct key_zone_conf */
    int64_t most;
};

enum place_answer { PLACE_NO_KEY, PLACE_TAKEN, PLACE_FULL, PLACE_NO_ROOM };

/* Takes a place under each rule, to be given back when the scope's pool ends; none if one of them
   is full: *full is that rule. */
enum place_answer places_take(struct scope *s, const struct array *rules,
                              const struct place_rule **full);
