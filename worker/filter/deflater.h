/*
 * worker/filter/deflater.h - zlib's compressors, kept for reuse: each takes a quarter of a megabyte
 * and much clearing to set up.
 */
#pragma once

#include <zlib.h>

#include "common/base.h"

struct deflater {
    z_stream z;
    int level, window_bits, memory_level;
    struct deflater *next;
};

/* Ready for a new gzip stream. NULL when memory is short. */
struct deflater *deflater_take(int level, int window_bits, int memory_level);
void deflater_give(struct deflater *d);

/* Frees those that are idle. */
void deflater_drop_idle(void);
