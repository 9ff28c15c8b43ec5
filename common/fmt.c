/*
 * common/fmt.c - numbers to text, two digits at a time.
 */
#include "common/fmt.h"

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* How many digits n has: 1233/4096 is just above log 2. */
static int digit_count(uint64_t n)
{
    static const uint64_t powers[] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
                                      1000000000, 10000000000, 100000000000, 1000000000000,
                                      10000000000000, 100000000000000, 1000000000000000,
                                      10000000000000000, 100000000000000000, 1000000000000000000,
                                      10000000000000000000u};
    int at_least = (64 - __builtin_clzll(n | 1)) * 1233 >> 12;

    return at_least + (n >= powers[at_least]);
}

/* Writes n so that its last digit is before `end`. */
static void digits_before(char *end, uint64_t n)
{
    while (n >= 100) {
        end -= 2;
        memcpy(end, pairs + n % 100 * 2, 2);
        n /= 100;
    }
    if (n >= 10)
        memcpy(end - 2, pairs + n * 2, 2);
    else
        end[-1] = (char)('0' + n);
}

char *fmt_uint(char *out, uint64_t n)
{
    char *end = out + digit_count(n);

    digits_before(end, n);
    return end;
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
    int have = digit_count(n);

    for (; have < width; width--)
        *out++ = '0';
    digits_before(out + have, n);
    return out + have;
}
