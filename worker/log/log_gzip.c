/*
 * worker/log/log_gzip.c - what a compressed access log is made of.
 *
 * One compressor for the process, made when first needed and kept.
 */
#include "worker/log/log_gzip.h"

#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* the largest window; 16: with gzip's header and trailer */
#define MEMORY      8

static z_stream stream;
static bool ready;
static int level_now;

static bool prepare(int level)
{
    if (ready && level == level_now)
        return deflateReset(&stream) == Z_OK;
    if (ready)
        deflateEnd(&stream);
    memset(&stream, 0, sizeof(stream));
    ready = deflateInit2(&stream, level, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) ==
            Z_OK;
    level_now = level;
    return ready;
}

bool log_gzip(struct buf *out, struct str text, int level)
{
    if (!prepare(level))
        return false;
    buf_take(out, deflateBound(&stream, text.len));
    stream.next_in = (Bytef *)(uintptr_t)text.data;
    stream.avail_in = (uInt)text.len;
    stream.next_out = (Bytef *)out->last;
    stream.avail_out = (uInt)buf_room(out);
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        return false;
    out->last = (char *)stream.next_out;
    return true;
}
