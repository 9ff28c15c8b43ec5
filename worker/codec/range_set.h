/*
 * worker/codec/range_set.h - the Range field: which parts of a representation are asked for.
 */
#pragma once

#include "common/pool.h"

struct byte_range {
    int64_t first;
    int64_t end; /* one past the last byte */
};

enum range_answer {
    RANGE_WHOLE,         /* ignore the field: not bytes, too many, or more in sum than the whole */
    RANGE_PARTIAL,       /* 206 with these */
    RANGE_UNSATISFIABLE, /* 416 */
};

#define RANGES_INPLACE 4

/* In the order asked for, each within the length, none empty; they may overlap, as in nginx. */
struct range_set {
    struct byte_range *ranges;
    uint32_t count;
    uint32_t cap;
    int64_t bytes; /* their sum */
    struct byte_range inplace[RANGES_INPLACE];
};

/* `value`: of the Range field. `max`: max_ranges; 0 ignores the field. Ranges beyond the in-place
   ones live in pool. `out` is filled for RANGE_PARTIAL. */
enum range_answer range_set_parse(struct range_set *out, struct str value, int64_t length,
                                  uint32_t max, struct pool *pool);
