/*
 * worker/codec/scgi.c - "LENGTH:" and ",": what stands around the texts of an SCGI head.
 */
#include "worker/codec/scgi.h"

#include "common/fmt.h"

size_t scgi_head_bytes(size_t texts)
{
    char number[20];

    return (size_t)(fmt_uint(number, texts) - number) + 1 + texts + 1;
}

char *scgi_write_begin(char *out, size_t texts)
{
    out = fmt_uint(out, texts);
    *out++ = ':';
    return out;
}

char *scgi_write_end(char *out)
{
    *out++ = ',';
    return out;
}
