/*
 * t/unit/tap.h - Test Anything Protocol for unit tests.
 *
 *     int main(void)
 *     {
 *         finds_the_nearest_name();
 *         return tap_done();
 *     }
 */
#pragma once

#include <stdio.h>

#include "common/str.h"

static int tap_count, tap_failed;

static inline bool tap_report(bool pass, const char *what, const char *file, int line)
{
    printf("%s %d - %s\n", pass ? "ok" : "not ok", ++tap_count, what);
    if (!pass) {
        tap_failed++;
        printf("#   at %s:%d\n", file, line);
    }
    fflush(stdout);
    return pass;
}

static inline bool tap_int(int64_t got, int64_t want, const char *what, const char *file, int line)
{
    bool pass = tap_report(got == want, what, file, line);
    if (!pass)
        printf("#   got %lld, want %lld\n", (long long)got, (long long)want);
    return pass;
}

/* NULL equals only NULL. */
static inline bool tap_str(struct str got, const char *want, const char *what, const char *file,
                           int line)
{
    bool same = want == NULL ? got.data == NULL : got.data != NULL && str_eq(got, str_of(want));
    bool pass = tap_report(same, what, file, line);
    if (!pass)
        printf("#   got \"%" STR_FMT "\", want \"%s\"\n", STR_ARG(got), want ? want : "(null)");
    return pass;
}

static inline struct str tap_as_str(const char *c_string)
{
    return c_string == NULL ? STR_NONE : str_of(c_string);
}

#define ok(cond, what)             tap_report((cond), (what), __FILE__, __LINE__)
#define is_int(got, want, what)    tap_int((got), (want), (what), __FILE__, __LINE__)
#define is_str(got, want, what)    tap_str(tap_as_str(got), (want), (what), __FILE__, __LINE__)
#define is_slice(got, want, what)  tap_str((got), (want), (what), __FILE__, __LINE__)

static inline int tap_done(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed == 0 ? 0 : 1;
}
