/*
 * t/unit/codec/charset_map_pieces.h - a text recoded in pieces, with little room at a time.
 */
#pragma once

#include "worker/codec/charset_map.h"

/* Recodes pieces of `step` bytes with `room` bytes of output at a time, to `all`: its length. There
   must be progress where there is CHARSET_ROOM. */
static inline size_t recode_in_pieces(struct charset_recoder r, struct str text, size_t step,
                                      size_t room, char *all)
{
    char *end = all;

    for (size_t at = 0; at < text.len; at += step) {
        struct str piece = {text.data + at, MIN(step, text.len - at)};
        bool done;

        do {
            struct buf out = {end, end, end, end + room};

            done = charset_recode(&r, &piece, &out);
            must(done || out.last > end);
            must(out.last <= out.end);
            end = out.last;
        } while (!done);
    }
    return (size_t)(end - all);
}
