/*
 * worker/codec/scan.c - finding the first byte of a class: the long searches.
 */
#include "worker/codec/scan.h"

#ifdef __SSE2__
#include <immintrin.h>

__attribute__((target("avx2"))) static inline uint32_t mask_avx2(enum scan_class class, __m256i v)
{
    __m256i up_to = _mm256_set1_epi8(class == SCAN_CONTROL ? 0x1f : 0x20);
    __m256i low = _mm256_cmpeq_epi8(_mm256_min_epu8(v, up_to), v);
    __m256i also = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(class == SCAN_COLON ? ':' : 0x7f));

    if (class == SCAN_CONTROL)
        low = _mm256_andnot_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\t')), low);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, also));
}

/* At most 31 bytes are left for the caller when nothing was found. */
__attribute__((target("avx2"))) static bool find_avx2(enum scan_class class, const char **p,
                                                      const char *end)
{
    uint32_t mask;

    for (; end - *p >= 32; *p += 32) {
        mask = mask_avx2(class, _mm256_loadu_si256((const __m256i *)(const void *)*p));
        if (mask != 0) {
            *p += __builtin_ctz(mask);
            return true;
        }
    }
    return false;
}

static const char *find_sse2(enum scan_class class, const char *p, const char *end)
{
    uint32_t mask;

    for (; end - p >= 16; p += 16) {
        mask = scan_mask(class, scan_load(p));
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    return scan_plain(class, p, end);
}

const char *scan_long(enum scan_class class, const char *p, const char *end)
{
    if (__builtin_cpu_supports("avx2") && find_avx2(class, &p, end))
        return p;
    return find_sse2(class, p, end);
}
#endif

static inline bool is_special(unsigned char c)
{
    return c <= 0x20 || c == 0x7f || c == '%' || c == '#' || c == '?';
}

const char *scan_path_plain(const char *p, const char *end)
{
    for (; p < end; p++) {
        if (is_special((unsigned char)*p))
            break;
        if (*p == '/' && end - p > 1 && (p[1] == '/' || p[1] == '.'))
            break;
    }
    return p;
}

#ifdef __SSE2__
/* Looks at p[0..15] for special bytes, and at p[1..16] for what follows a '/'. */
static inline uint32_t path_mask(const char *p)
{
    __m128i v = scan_load(p), next = scan_load(p + 1);
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x20)), v);
    __m128i special = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('%')), _mm_cmpeq_epi8(v, _mm_set1_epi8('#'))),
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('?')),
                     _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f))));
    __m128i pair = _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('/')),
                                 _mm_or_si128(_mm_cmpeq_epi8(next, _mm_set1_epi8('/')),
                                              _mm_cmpeq_epi8(next, _mm_set1_epi8('.'))));

    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(low, special), pair));
}
#endif

const char *scan_path(const char *p, const char *end)
{
#ifdef __SSE2__
    const char *start = p;
    uint32_t mask;

    for (; end - p >= 17; p += 16) {
        mask = path_mask(p);
        if (mask != 0)
            return p + __builtin_ctz(mask);
    }
    if (end - p > 1 && end - start >= 17) {
        mask = path_mask(end - 17) >> (17 - (end - p));
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p = end - 1;
    }
#endif
    return scan_path_plain(p, end);
}
