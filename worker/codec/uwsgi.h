/*
 * worker/codec/uwsgi.h - the head of a uwsgi request: a packet of names and values.
 */
#pragma once

#include "common/str.h"

#define UWSGI_HEADER_BYTES 4
#define UWSGI_CONTENT_MOST 65535 /* of a packet */

/* What a name with a value takes, and a text (below 65536 bytes) with its length before it. At
   `out`, which has room; returns the end. */
static inline size_t uwsgi_pair_bytes(size_t name, size_t value)
{
    return 2 + name + 2 + value;
}
char *uwsgi_write_length(char *out, size_t length);

/* The packet's header; `content` bytes follow, at most UWSGI_CONTENT_MOST. */
char *uwsgi_write_header(char *out, uint8_t modifier1, size_t content, uint8_t modifier2);
