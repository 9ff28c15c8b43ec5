/*
 * common/fmt.c - numbers to text, two digits at a time.
 */
#include "common/fmt.h"

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* Writes n so that its last digit is before `end`; returns where its first digit is. */
static char *digits_before(char *end, uint64_t n)
{
    while (n >= 100) {
        end -= 2;
        memcpy(end, pairs + n % 100 * 2, 2);
        n /= 100;
    }
    if (n >= 10)
        return memcpy(end - 2, pairs + n * 2, 2);
    *--end = (char)('0' + n);
    return end;
}

char *fmt_uint(char *out, uint64_t n)
{
    char text[20];
    char *first;

    if (n < 10) {
        *out = (char)('0' + n);
        return out + 1;
    }
    first = digits_before(text + sizeof(text), n);
    return fmt_str(out, str_range(first, text + sizeof(text)));
}

char *fmt_hex(char *out, uint64_t n)
{
    int shift = n == 0 ? 0 : (63 - __builtin_clzll(n)) & ~3;

    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[n >> shift & 15];
    return out;
}

char *fmt_pad(char *out, uint64_t n, int width)
{
    char text[20];
    char *first = digits_before(text + sizeof(text), n);

    for (int have = (int)(text + sizeof(text) - first); have < width; have++)
        *out++ = '0';
    return fmt_str(out, str_range(first, text + sizeof(text)));
}
