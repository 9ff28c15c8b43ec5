/*
 * worker/codec/scan.h - finding the first byte of a class, many at a time.
 *
 * Sixteen at once with SSE2 in line, where nearly every search ends; what is longer goes on with
 * AVX2 where the CPU has it. Other machines look byte by byte. All give the same answer.
 */
#pragma once

#include "common/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum scan_class {
    SCAN_CONTROL, /* controls but HT, and DEL: what ends or spoils a field value */
    SCAN_BLANK,   /* controls, space and DEL: what ends or spoils a request target */
    SCAN_COLON,   /* ':', controls and space: what ends or spoils a field name */
};

static inline bool scan_is(enum scan_class class, unsigned char c)
{
    switch (class) {
    case SCAN_CONTROL:
        return (c < 0x20 && c != '\t') || c == 0x7f;
    case SCAN_BLANK:
        return c <= 0x20 || c == 0x7f;
    case SCAN_COLON:
        return c <= 0x20 || c == ':';
    }
    return true;
}

/* The first byte of the class in [p, end), or end. */
static inline const char *scan_plain(enum scan_class class, const char *p, const char *end)
{
    while (p < end && !scan_is(class, (unsigned char)*p))
        p++;
    return p;
}

#ifdef __SSE2__

/* The same; for what is known to be long. */
const char *scan_long(enum scan_class class, const char *p, const char *end);

static inline __m128i scan_load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* A bit for each of the sixteen bytes that is in the class. */
static inline uint32_t scan_mask(enum scan_class class, __m128i v)
{
    __m128i up_to = _mm_set1_epi8(class == SCAN_CONTROL ? 0x1f : 0x20);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, up_to), v);
    __m128i also = _mm_cmpeq_epi8(v, _mm_set1_epi8(class == SCAN_COLON ? ':' : 0x7f));

    if (class == SCAN_CONTROL)
        low = _mm_andnot_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\t')), low);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, also));
}

/*
 * The first byte of the class in [p, end), or end. Bytes from `base` on (base <= p) may be read
 * again: the last block is one that ends at `end`.
 */
static inline const char *scan_find(enum scan_class class, const char *base, const char *p,
                                    const char *end)
{
    uint32_t mask;

    for (int block = 0; end - p >= 16; block++, p += 16) {
        if (block == 3)
            return scan_long(class, p, end);
        mask = scan_mask(class, scan_load(p));
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    if (p == end)
        return end;
    if (end - base < 16)
        return scan_plain(class, p, end);
    mask = scan_mask(class, scan_load(end - 16)) >> (16 - (end - p));
    return mask != 0 ? p + __builtin_ctz(mask) : end;
}

#else

static inline const char *scan_find(enum scan_class class, const char *base, const char *p,
                                    const char *end)
{
    (void)base;
    return scan_plain(class, p, end);
}

#endif

/*
 * The first byte of a request target that needs more than copying, or end: controls, space, DEL,
 * '%', '#', '?', and a '/' before '/' or '.'.
 */
const char *scan_path(const char *p, const char *end);
const char *scan_path_plain(const char *p, const char *end);
