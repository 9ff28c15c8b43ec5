/*
 * common/fail_reason.h - what $fail_reason may say: a short cause for each 4xx and 5xx that is made
 * here and not by an origin.
 *
 * A new place that fails a request takes a name from this table or adds a row: a test compares the
 * names in the sources with it.
 */
#pragma once

#include <stdio.h>

#include "common/base.h"

struct fail_reason {
    const char *name;    /* "limit.rate" */
    const char *status;  /* "429", "403, 404", "as configured" */
    const char *doc;
};

/* Sorted by name. */
extern const struct fail_reason fail_reasons[];
extern const size_t fail_reason_count;

/* One line per row: name, status, doc; tabs between. */
void fail_reason_dump(FILE *out);
