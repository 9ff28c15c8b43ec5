/*
 * common/str.h - counted strings: a pointer and a length, no terminator promised.
 *
 * A struct str never owns its bytes: a pool, a read buffer or the program text does. Every function
 * takes STR_NONE as the empty string.
 */
#pragma once

#include <string.h>

#include "common/base.h"

struct str {
    const char *data;
    size_t len;
};

#define STR(literal)  ((struct str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal) {"" literal, sizeof(literal) - 1}     /* for static tables */
#define STR_NONE      ((struct str){NULL, 0})

/* For printf-like calls: "%" STR_FMT ": ..." takes STR_ARG(s) */
#define STR_FMT       ".*s"
#define STR_ARG(s)    (int)(s).len, (s).data

static inline struct str str_of(const char *c_string)
{
    return (struct str){c_string, strlen(c_string)};
}

static inline struct str str_range(const char *first, const char *end)
{
    return (struct str){first, (size_t)(end - first)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len &&
           (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 ||
            memcmp(s.data + s.len - suffix.len, suffix.data, suffix.len) == 0);
}

/* The rest of s from `from` (which may equal s.len). */
static inline struct str str_from(struct str s, size_t from)
{
    return (struct str){from == 0 ? s.data : s.data + from, s.len - from};
}

/* ASCII only, whatever the locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_eq_nocase(struct str a, struct str b);
bool str_starts_nocase(struct str s, struct str prefix);

/* Like memcmp/strcmp: below, at or above 0. A string sorts after its own prefix. */
int str_cmp(struct str a, struct str b);

/* Index of the first/last c in s, or -1. */
ssize_t str_find(struct str s, char c);
ssize_t str_rfind(struct str s, char c);

/* Index of `needle` in s, or -1. The empty needle is at 0. */
ssize_t str_search(struct str s, struct str needle);

/* s without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/* Cuts the part before the first `sep` off *rest and returns it; all of it if there is none.
   *rest becomes STR_NONE (data NULL) after the last part. */
struct str str_cut(struct str *rest, char sep);

/* Decimal digits only (no sign, no space); false if empty, other bytes or above INT64_MAX. */
bool str_to_int(struct str s, int64_t *out);

/* Hexadecimal digits only, either case, at most 16 of them. */
bool str_to_hex(struct str s, uint64_t *out);

/* 64-bit hash of the bytes for in-process tables (seeded per process: hostile keys do not collide
   by design; set before main, so that forked children agree). The _nocase form folds ASCII case: it
   is str_hash of the lower-cased text. */
uint64_t str_hash(struct str s);
uint64_t str_hash_nocase(struct str s);

/* The same for every process and every run: for keys in shared zones and in files. */
uint64_t str_hash_fixed(struct str s);
