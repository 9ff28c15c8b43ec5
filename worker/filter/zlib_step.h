/*
 * worker/filter/zlib_step.h - zlib between the bytes of a transform: what it took and what it made.
 */
#pragma once

#include <zlib.h>

#include "common/buf.h"

/* inflate() or deflate(), as far as `in` and the room of `out` reach: both are moved on. What zlib
   says of it. */
static inline int zlib_step(int (*step)(z_streamp, int), z_stream *z, int flush, struct str *in,
                            struct buf *out)
{
    size_t room = buf_room(out);
    int rc;

    z->next_in = (Bytef *)(uintptr_t)in->data;
    z->avail_in = (uInt)in->len;
    z->next_out = (Bytef *)out->last;
    z->avail_out = (uInt)room;
    rc = step(z, flush);
    out->last += room - z->avail_out;
    *in = str_from(*in, in->len - z->avail_in);
    return rc;
}
