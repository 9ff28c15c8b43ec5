/*
 * common/fmt.h - printing numbers and text into memory without printf, for hot paths.
 *
 * Each writes at `out`, which has room, and returns the end.
 */
#pragma once

#include "common/str.h"

static inline char *fmt_str(char *out, struct str s)
{
    if (s.len == 0)
        return out;
    return (char *)memcpy(out, s.data, s.len) + s.len;
}

#define FMT_LIT(out, literal)                                                                      \
    ((char *)memcpy((out), "" literal, sizeof(literal) - 1) + sizeof(literal) - 1)

char *fmt_uint(char *out, uint64_t n);              /* at most 20 bytes */
char *fmt_hex(char *out, uint64_t n);               /* lower case, no leading zeros, at most 16 */
char *fmt_pad(char *out, uint64_t n, int width);    /* zero-padded to width digits or more */
