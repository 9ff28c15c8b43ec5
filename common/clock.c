/*
 * common/clock.c - the cached clocks and their printed forms.
 *
 * A text is printed when first asked for after its second has changed, so a process that logs
 * nothing prints nothing. Used by the loop's thread only.
 */
#include "common/clock.h"

#include <stdlib.h>

#include "common/fmt.h"

int64_t clock_mono_ms;
int64_t clock_wall_ms;

static bool faked;

struct text {
    time_t second; /* that `text` shows; -1 before the first */
    size_t len;
    char text[40];
};

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_update(void)
{
    if (faked)
        return;
    clock_mono_ms = read_ms(CLOCK_MONOTONIC);
    clock_wall_ms = read_ms(CLOCK_REALTIME);
}

void clock_fake(int64_t mono_ms, int64_t wall_ms)
{
    faked = true;
    clock_mono_ms = mono_ms;
    clock_wall_ms = wall_ms;
}

/* Pieces of a text ----------------------------------------------------------------------------- */

static char *put_name(char *out, const char *names, int i)
{
    memcpy(out, names + i * 3, 3);
    return out + 3;
}

static char *put(char *out, int n, int width)
{
    return fmt_pad(out, (uint64_t)n, width);
}

/* "08:49:37" */
static char *put_time(char *out, const struct tm *tm)
{
    out = put(out, tm->tm_hour, 2);
    *out++ = ':';
    out = put(out, tm->tm_min, 2);
    *out++ = ':';
    return put(out, tm->tm_sec, 2);
}

/* "+00:00", or without the colon when it is 0 */
static char *put_zone(char *out, const struct tm *tm, char colon)
{
    long minutes = labs(tm->tm_gmtoff) / 60;

    *out++ = tm->tm_gmtoff < 0 ? '-' : '+';
    out = put(out, (int)(minutes / 60), 2);
    if (colon != '\0')
        *out++ = colon;
    return put(out, (int)(minutes % 60), 2);
}

/* "1994/11/06" with '/' */
static char *put_date(char *out, const struct tm *tm, char sep)
{
    out = put(out, tm->tm_year + 1900, 4);
    *out++ = sep;
    out = put(out, tm->tm_mon + 1, 2);
    *out++ = sep;
    return put(out, tm->tm_mday, 2);
}

/* The forms ------------------------------------------------------------------------------------ */

typedef char *print_fn(char *out, const struct tm *tm);

static char *print_http(char *out, const struct tm *tm)
{
    out = put_name(out, days, tm->tm_wday);
    out = FMT_LIT(out, ", ");
    out = put(out, tm->tm_mday, 2);
    *out++ = ' ';
    out = put_name(out, months, tm->tm_mon);
    *out++ = ' ';
    out = put(out, tm->tm_year + 1900, 4);
    *out++ = ' ';
    out = put_time(out, tm);
    return FMT_LIT(out, " GMT");
}

static char *print_log(char *out, const struct tm *tm)
{
    out = put(out, tm->tm_mday, 2);
    *out++ = '/';
    out = put_name(out, months, tm->tm_mon);
    *out++ = '/';
    out = put(out, tm->tm_year + 1900, 4);
    *out++ = ':';
    out = put_time(out, tm);
    *out++ = ' ';
    return put_zone(out, tm, '\0');
}

static char *print_error(char *out, const struct tm *tm)
{
    out = put_date(out, tm, '/');
    *out++ = ' ';
    return put_time(out, tm);
}

static char *print_iso(char *out, const struct tm *tm)
{
    out = put_date(out, tm, '-');
    *out++ = 'T';
    out = put_time(out, tm);
    return put_zone(out, tm, ':');
}

static char *print_syslog(char *out, const struct tm *tm)
{
    out = put_name(out, months, tm->tm_mon);
    *out++ = ' ';
    if (tm->tm_mday < 10)
        *out++ = ' ';
    out = put(out, tm->tm_mday, tm->tm_mday < 10 ? 1 : 2);
    *out++ = ' ';
    return put_time(out, tm);
}

static void reprint(struct text *t, time_t now, print_fn *print, bool local)
{
    struct tm tm;

    if (local)
        localtime_r(&now, &tm);
    else
        gmtime_r(&now, &tm);
    t->len = (size_t)(print(t->text, &tm) - t->text);
    t->second = now;
}

static struct str fresh(struct text *t, print_fn *print, bool local)
{
    time_t now = clock_wall_s();

    if (unlikely(t->second != now))
        reprint(t, now, print, local);
    return (struct str){t->text, t->len};
}

struct str clock_http(void)
{
    static struct text text = {.second = -1};

    return fresh(&text, print_http, false);
}

struct str clock_log(void)
{
    static struct text text = {.second = -1};

    return fresh(&text, print_log, true);
}

struct str clock_error(void)
{
    static struct text text = {.second = -1};

    return fresh(&text, print_error, true);
}

struct str clock_iso(void)
{
    static struct text text = {.second = -1};

    return fresh(&text, print_iso, true);
}

struct str clock_syslog(void)
{
    static struct text text = {.second = -1};

    return fresh(&text, print_syslog, true);
}
