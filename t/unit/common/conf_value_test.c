/*
 * t/unit/common/conf_value_test.c - units.
 */
#include "common/conf_value.h"
#include "t/unit/tap.h"

static int64_t size_of(const char *text)
{
    int64_t n;

    return conf_size(str_of(text), &n) ? n : -1;
}

static int64_t ms_of(const char *text)
{
    int64_t n;

    return conf_ms(str_of(text), &n) ? n : -1;
}

static int64_t sec_of(const char *text)
{
    int64_t n;

    return conf_sec(str_of(text), &n) ? n : -1;
}

static void reads_sizes(void)
{
    is_int(size_of("10"), 10, "bytes");
    is_int(size_of("8k"), 8192, "k");
    is_int(size_of("2M"), 2097152, "M");
    is_int(size_of("3g"), INT64_C(3221225472), "g");
    is_int(size_of(""), -1, "empty");
    is_int(size_of("k"), -1, "no digits");
    is_int(size_of("1kb"), -1, "two letters");
    is_int(size_of("-1"), -1, "negative");
    is_int(size_of("9223372036854775807g"), -1, "too much");
}

static void reads_times(void)
{
    is_int(ms_of("30"), 30000, "bare numbers are seconds");
    is_int(ms_of("500ms"), 500, "ms");
    is_int(ms_of("1m30s"), 90000, "two parts");
    is_int(ms_of("1h 30m"), 5400000, "a space between");
    is_int(ms_of("1m30"), 90000, "the last without a unit");
    is_int(sec_of("1y"), 31536000, "a year");
    is_int(sec_of("1M"), 2592000, "a month");
    is_int(ms_of("1y"), -1, "not where milliseconds are");
    is_int(ms_of("1M"), -1, "nor a month");
    is_int(ms_of("1w2d"), INT64_C(777600000), "weeks and days");
    is_int(ms_of("1s1m"), -1, "units must fall");
    is_int(ms_of("1m1m"), -1, "and not repeat");
    is_int(ms_of(""), -1, "empty");
    is_int(ms_of("s"), -1, "no digits");
    is_int(ms_of("5z"), -1, "unknown unit");
    is_int(ms_of("99999999999999y"), -1, "too much");
    is_int(sec_of("2m"), 120, "seconds");
    is_int(sec_of("1500ms"), -1, "no ms in seconds");
}

static void reads_flags(void)
{
    bool on = false;

    ok(conf_flag(STR("on"), &on) && on, "on");
    ok(conf_flag(STR("OFF"), &on) && !on, "off, any case");
    ok(!conf_flag(STR("yes"), &on), "nothing else");
}

int main(void)
{
    reads_sizes();
    reads_times();
    reads_flags();
    return tap_done();
}
