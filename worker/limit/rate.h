/*
 * worker/limit/rate.h - how many requests a key may make in a time: a leaky bucket in a zone.
 */
#pragma once

#include "worker/limit/key_zone.h"

extern const struct zone_kind rate_zone_kind;

/* One `limit_req`. Numbers are in thousandths of a request. */
struct rate_rule {
    struct zone_spec *spec;         /* its data: a struct key_zone_conf */
    int64_t burst;
    int64_t delay;                  /* so much of an excess passes without delay */
    const struct conf_node *node;
};

enum rate_answer { RATE_NO_KEY, RATE_PASS, RATE_DELAY, RATE_REFUSE, RATE_NO_ROOM };

struct rate_outcome {
    int64_t excess;                 /* of the rule that decided */
    int64_t delay_ms;
    const struct rate_rule *rule;
};

/* Counts this scope's request under all rules, or under none if one refuses it. */
enum rate_answer rate_ask(struct scope *s, const struct array *rules, struct rate_outcome *out);

/* What a rule that refused means for the client: how long until such a request would pass. */
int64_t rate_wait_ms(const struct rate_outcome *refused);

/* Config time: "rate=10r/s" becomes zone->rate, quota, window_s; 1r/s with data NULL. False after
   conf_fail. */
bool rate_read(struct conf_call *call, uint32_t arg, struct str text, struct key_zone_conf *zone);
