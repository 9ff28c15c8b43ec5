/*
 * tools/bench_body.h - the body that every benchmark file and answer has.
 *
 * Each line of 16 bytes is its own number, so that a byte lost, doubled or out of place is seen.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *bench_body(size_t size)
{
    size_t lines = size / 16 + 1;
    char *body = malloc(lines * 16 + 1);

    if (body == NULL)
        abort();
    for (size_t i = 0; i < lines; i++) {
        char line[32];

        snprintf(line, sizeof(line), "%014zu.\n", i);
        memcpy(body + i * 16, line, 16);
    }
    return body;
}
