/*
 * t/unit/codec/http_date_test.c - dates are written and read as RFC 9110 has them.
 */
#include "worker/codec/http_date.h"

#include <stdlib.h>
#include <time.h>

#include "t/unit/tap.h"

static void all_three_forms(void)
{
    static const char *const same[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    int64_t t;

    for (size_t i = 0; i < COUNT(same); i++) {
        t = 0;
        http_date_parse(str_of(same[i]), &t);
        is_int(t, 784111777, same[i]);
    }
    http_date_parse(STR("Thu Nov 24 18:22:48 1986"), &t);
    is_int(t, 533240568, "asctime with two digits");
    http_date_parse(STR("Thursday, 01-Jan-69 00:00:00 GMT"), &t);
    is_int(t, 3124224000, "a two-digit year below 70 is in this century");
}

static void nothing_else(void)
{
    static const char *const bad[] = {
        "", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:60 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 -8:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994", "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT",
        "784111777",
    };
    int64_t t;

    for (size_t i = 0; i < COUNT(bad); i++)
        ok(!http_date_parse(str_of(bad[i]), &t), bad[i]);
    ok(http_date_parse(STR("Thu, 29 Feb 2024 00:00:00 GMT"), &t), "a leap day");
    ok(http_date_parse(STR("Thu, 29 Feb 2024 00:00:00 GMT ; length=7"), &t), "a parameter");
}

static void printed_as_libc_does(void)
{
    char ours[HTTP_DATE_BYTES], theirs[64];
    bool same = true;
    struct tm tm;

    for (int64_t t = 0; t < 253402300799; t += 86399 * 7 + 12345) {
        time_t libc_t = (time_t)t;
        int64_t back = -1;
        size_t len = (size_t)(http_date_print(ours, t) - ours);
        gmtime_r(&libc_t, &tm);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        same = same && len == HTTP_DATE_BYTES && memcmp(ours, theirs, len) == 0 &&
               http_date_parse((struct str){ours, len}, &back) && back == t;
    }
    ok(same, "from 1970 to 9999, there and back");
    is_slice(str_range(ours, http_date_print(ours, -5)), "Thu, 01 Jan 1970 00:00:00 GMT",
             "clipped");
    is_slice(str_range(ours, http_date_print(ours, INT64_MAX)), "Fri, 31 Dec 9999 23:59:59 GMT",
             "at both ends");
}

static void cookies(void)
{
    char text[HTTP_DATE_BYTES + 1];

    is_slice(str_range(text, http_date_print_cookie(text, 784111777)),
             "Sun, 06-Nov-94 08:49:37 GMT", "the form of cookies");
    is_slice(str_range(text, http_date_print_cookie(text, 4102444800)),
             "Fri, 01-Jan-2100 00:00:00 GMT", "with four digits when two are not enough");
}

int main(void)
{
    all_three_forms();
    nothing_else();
    printed_as_libc_does();
    cookies();
    return tap_done();
}
