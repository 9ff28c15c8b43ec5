/*
 * worker/codec/uwsgi.c - packets of the uwsgi protocol: lengths are little-endian.
 */
#include "worker/codec/uwsgi.h"

char *uwsgi_write_length(char *out, size_t length)
{
    must(length <= UWSGI_CONTENT_MOST);
    *out++ = (char)(length & 0xff);
    *out++ = (char)(length >> 8);
    return out;
}

char *uwsgi_write_header(char *out, uint8_t modifier1, size_t content, uint8_t modifier2)
{
    *out++ = (char)modifier1;
    out = uwsgi_write_length(out, content);
    *out++ = (char)modifier2;
    return out;
}
