/*
 * common/str.c - comparing, searching, splitting and hashing counted strings.
 *
 * Where case is folded, it is folded eight bytes at a time in a register.
 */
#include "common/str.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define EVERY_BYTE(x) (0x0101010101010101u * (uint64_t)(x))

static inline uint64_t load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
    return w;
}

static inline uint64_t load4(const char *p)
{
    uint32_t w;

    memcpy(&w, p, 4);
    return w;
}

/* One to three bytes, each of them in the result. */
static inline uint64_t load_few(const char *p, size_t len)
{
    return (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[len / 2] << 8 |
           (unsigned char)p[len - 1];
}

/* A-Z in any of the eight bytes becomes a-z. */
static inline uint64_t lower8(uint64_t w)
{
    uint64_t low = w & EVERY_BYTE(0x7f);
    uint64_t from_a = low + EVERY_BYTE(0x80 - 'A');     /* top bit: at or after 'A' */
    uint64_t past_z = low + EVERY_BYTE(0x7f - 'Z');     /* top bit: after 'Z' */

    return w | ((from_a ^ past_z) & ~w & EVERY_BYTE(0x80)) >> 2;
}

/* Most pairs are the same bytes, or differ in more than the bit of case. */
static inline bool same8(uint64_t a, uint64_t b)
{
    uint64_t differ = a ^ b;

    return differ == 0 || ((differ & ~EVERY_BYTE(0x20)) == 0 && lower8(a) == lower8(b));
}

static inline bool same_nocase(const char *a, const char *b, size_t len)
{
    if (len >= 8) {
        for (size_t i = 0; i < len - 8; i += 8)
            if (!same8(load8(a + i), load8(b + i)))
                return false;
        return same8(load8(a + len - 8), load8(b + len - 8));
    }
    if (len >= 4)
        return same8(load4(a) | load4(a + len - 4) << 32, load4(b) | load4(b + len - 4) << 32);
    return len == 0 || same8(load_few(a, len), load_few(b, len));
}

bool str_eq_nocase(struct str a, struct str b)
{
    return a.len == b.len && same_nocase(a.data, b.data, a.len);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && same_nocase(s.data, prefix.data, prefix.len);
}

int str_cmp(struct str a, struct str b)
{
    size_t shorter = MIN(a.len, b.len);
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

ssize_t str_find(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.data, c, s.len);

    return at == NULL ? -1 : at - s.data;
}

ssize_t str_rfind(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memrchr(s.data, c, s.len);

    return at == NULL ? -1 : at - s.data;
}

ssize_t str_search(struct str s, struct str needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    at = s.len < needle.len ? NULL : memmem(s.data, s.len, needle.data, needle.len);
    return at == NULL ? -1 : at - s.data;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.data[0]))
        s = str_from(s, 1);
    while (s.len > 0 && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

struct str str_cut(struct str *rest, char sep)
{
    struct str part = *rest;
    ssize_t at = str_find(*rest, sep);

    if (at < 0) {
        *rest = STR_NONE;
        return part;
    }
    *rest = str_from(*rest, (size_t)at + 1);
    part.len = (size_t)at;
    return part;
}

bool str_to_int(struct str s, int64_t *out)
{
    int64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = s.data[i] - '0';

        if (digit < 0 || digit > 9 || n > (INT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool str_to_hex(struct str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0 || s.len > 16)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_digit(s.data[i]);

        if (digit < 0)
            return false;
        n = n << 4 | (uint64_t)digit;
    }
    *out = n;
    return true;
}

/*
 * The hash: a 64x64 multiplication folds sixteen bytes at a time into the state. Both factors are
 * masked with secrets, so that without them nobody can aim at a zero factor or at a bucket.
 */
struct hash_key {
    uint64_t start, left, right;
};

static struct hash_key process_key;
static const struct hash_key fixed_key = {0x9b05688c2b3e6c1fu, 0x5be0cd19137e2179u,
                                          0xbb67ae8584caa73bu};

/* Runs before main, hence before any fork: the whole family agrees on every hash. */
__attribute__((constructor)) static void draw_process_key(void)
{
    struct timespec now;

    if (getrandom(&process_key, sizeof(process_key), GRND_NONBLOCK) == sizeof(process_key))
        return;
    clock_gettime(CLOCK_REALTIME, &now);        /* the kernel's pool is not ready: early boot */
    process_key = fixed_key;
    process_key.start ^= (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
    process_key.left ^= (uint64_t)getpid() << 17 ^ (uint64_t)(uintptr_t)&now;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t folded(uint64_t w, bool fold)
{
    return fold ? lower8(w) : w;
}

static inline uint64_t hash_bytes(struct str s, const struct hash_key *key, bool fold)
{
    const char *p = s.data;
    uint64_t state = key->start;
    uint64_t a = 0, b = 0;

    for (size_t left = s.len; left > 16; left -= 16, p += 16)
        state = mix(folded(load8(p), fold) ^ key->left, folded(load8(p + 8), fold) ^ state);
    if (s.len >= 16) {
        a = load8(s.data + s.len - 16);
        b = load8(s.data + s.len - 8);
    } else if (s.len >= 8) {
        a = load8(p);
        b = load8(p + s.len - 8);
    } else if (s.len >= 4) {
        a = load4(p);
        b = load4(p + s.len - 4);
    } else if (s.len > 0) {
        a = load_few(p, s.len);
    }
    state = mix(folded(a, fold) ^ key->left, folded(b, fold) ^ state);
    return mix(state ^ key->right, s.len ^ key->left);
}

uint64_t str_hash(struct str s)
{
    return hash_bytes(s, &process_key, false);
}

uint64_t str_hash_nocase(struct str s)
{
    return hash_bytes(s, &process_key, true);
}

uint64_t str_hash_fixed(struct str s)
{
    return hash_bytes(s, &fixed_key, false);
}
