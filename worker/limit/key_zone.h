/*
 * worker/limit/key_zone.h - a zone that maps keys to small records, the longest unused at hand.
 *
 * What limits on requests and connections share, and sticky sessions. All calls are made under the
 * zone's lock, except for those of config time. Chains of keys are true at any instruction; the
 * order of use is derived and made anew by a repair.
 */
#pragma once

#include "common/conf_load.h"
#include "common/template.h"
#include "common/zone.h"

#define KEY_MOST 65535

struct key_node {
    uint64_t next;              /* of the same bucket */
    uint64_t newer, older;      /* in order of use */
    uint64_t hash;
    uint32_t key_len;
    uint32_t count;             /* places taken; 0 for those who take none */
    int64_t last_ms;            /* monotonic */
    union {
        int64_t excess;         /* of limits: thousandths of a request */
        uint64_t value;         /* of other users */
    };
    char key[];
};

/* For zone_kind. */
bool key_zone_init(struct zone *z);
bool key_zone_repair(struct zone *z);    /* counts are 0 afterwards, to be added up anew */

/* The node that holds a count booked at that offset; NULL if there is no such node. */
struct key_node *key_zone_booked(struct zone *z, uint64_t count_offset);

/* NULL when absent. */
struct key_node *key_zone_find(struct zone *z, struct str key);

/* A new record, zero but for its key. NULL when there is no room. */
struct key_node *key_zone_add(struct zone *z, struct str key);

/* It is the most recently used. */
void key_zone_touch(struct zone *z, struct key_node *node);

void key_zone_remove(struct zone *z, struct key_node *node);

/* The longest unused; NULL when there is none. key_zone_newer goes on from there. */
struct key_node *key_zone_oldest(struct zone *z);
struct key_node *key_zone_newer(struct zone *z, const struct key_node *node);

/* Config time: what a directive "KEY zone=NAME:SIZE ..." declares, as zone_spec.data. */
struct key_zone_conf {
    struct template *key;
    struct zone_spec *spec;
    int64_t rate;               /* thousandths of a request per second; for limits on requests */
    int64_t quota, window_s;    /* the same as it was written */
};

/* Reads the key (argument 0); `text` is what argument `arg` has behind "zone=". NULL after
   conf_fail. */
struct key_zone_conf *key_zone_declare(struct conf_call *call, uint32_t arg, struct str text,
                                       const struct zone_kind *kind);

/* The key of this scope. False when there is none to count: it is empty, or too long (logged). */
struct scope;
bool key_zone_key(struct scope *s, const struct key_zone_conf *conf, struct str *key);
