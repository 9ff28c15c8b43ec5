/*
 * common/counters.h - which number of a child's row counts what (slots.h).
 */
#pragma once

#include "common/slots.h"

enum {
    COUNTER_ACCEPTED, /* connections of clients */
    COUNTER_HANDLED,
    COUNTER_REQUESTS,
    COUNTERS
};

enum {
    GAUGE_CLIENTS = SLOTS_COUNTERS, /* connections open now, those of requests below included */
    GAUGE_READING,                  /* a request's head is arriving */
    GAUGE_WRITING,                  /* it is being served */
    GAUGES_END
};

static_assert(COUNTERS <= SLOTS_COUNTERS && GAUGES_END <= SLOTS_NUMBERS, "the rows have room");
