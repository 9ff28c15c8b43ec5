/*
 * t/unit/common/clock_test.c - the printed forms of a frozen time.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "t/unit/tap.h"

static void real_clocks_move(void)
{
    clock_update();
    ok(clock_wall_ms > INT64_C(1700000000000), "it is later than 2023");
    ok(clock_mono_ms > 0, "the machine is up");
}

static void prints_every_form(void)
{
    clock_fake(1, INT64_C(784111777) * 1000 + 999);
    is_slice(clock_http(), "Sun, 06 Nov 1994 08:49:37 GMT", "http");
    is_slice(clock_log(), "06/Nov/1994:14:19:37 +0530", "log, local");
    is_slice(clock_error(), "1994/11/06 14:19:37", "error, local");
    is_slice(clock_iso(), "1994-11-06T14:19:37+05:30", "iso, local");
    is_slice(clock_syslog(), "Nov  6 14:19:37", "syslog, local");
    clock_update();
    is_int(clock_mono_ms, 1, "frozen");
}

static void follows_the_second(void)
{
    clock_fake(2, INT64_C(784111778) * 1000);
    is_slice(clock_http(), "Sun, 06 Nov 1994 08:49:38 GMT", "one on");
    clock_fake(2, INT64_C(784111776) * 1000);
    is_slice(clock_http(), "Sun, 06 Nov 1994 08:49:36 GMT", "set back");
    clock_fake(2, INT64_C(0));
    is_slice(clock_http(), "Thu, 01 Jan 1970 00:00:00 GMT", "the epoch");
    clock_fake(2, INT64_C(1709164800) * 1000);
    is_slice(clock_http(), "Thu, 29 Feb 2024 00:00:00 GMT", "a leap day");
    is_slice(clock_syslog(), "Feb 29 05:30:00", "two digits");
}

int main(void)
{
    setenv("TZ", "XXX-05:30", 1);
    tzset();
    real_clocks_move();
    prints_every_form();
    follows_the_second();
    setenv("TZ", "YYY+03:30", 1);
    tzset();
    clock_fake(2, INT64_C(1709164801) * 1000);
    is_slice(clock_log(), "28/Feb/2024:20:30:01 -0330", "west of Greenwich");
    return tap_done();
}
