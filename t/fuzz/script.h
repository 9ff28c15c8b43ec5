/*
 * t/fuzz/script.h - a fuzz target's input read as a script: numbers and texts, then zeros.
 */
#pragma once

#include "common/str.h"

struct script {
    const uint8_t *at, *end;
};

/* Big-endian, of so many bytes. */
static inline uint32_t take(struct script *in, int bytes)
{
    uint32_t n = 0;

    while (bytes-- > 0)
        n = n << 8 | (in->at < in->end ? *in->at++ : 0);
    return n;
}

/* A byte says how many; as many as there are. */
static inline struct str take_bytes(struct script *in)
{
    size_t want = take(in, 1);
    struct str s = {(const char *)in->at, MIN(want, (size_t)(in->end - in->at))};

    in->at += s.len;
    return s;
}
