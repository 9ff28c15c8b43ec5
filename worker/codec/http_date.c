/*
 * worker/codec/http_date.c - dates as HTTP writes them (RFC 9110, 5.6.7).
 *
 * Days are counted in a calendar whose year starts in March, so that the leap day is its last.
 */
#include "worker/codec/http_date.h"

#include "common/fmt.h"

struct date {
    int64_t year;
    int month, day; /* from 1 */
    int hour, minute, second;
    int weekday;    /* 0: Sunday */
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

#define DAY_S    86400
#define LATEST_S 253402300799 /* the last second of 9999 */

/* Days from 1970-01-01 to the given date. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + in_year - 719468;
}

static struct date date_of(int64_t seconds)
{
    int64_t days = seconds / DAY_S, rest = seconds % DAY_S;
    int64_t since = days + 719468, era = since / 146097, in_era = since % 146097;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int march = (int)((5 * in_year + 2) / 153);

    return (struct date){
        .year = year + era * 400 + (march >= 10),
        .month = march < 10 ? march + 3 : march - 9,
        .day = (int)(in_year - (153 * march + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
        .weekday = (int)((days + 4) % 7),
    };
}

static char *print_time(char *out, const struct date *d)
{
    out = fmt_pad(out, (uint64_t)d->hour, 2);
    *out++ = ':';
    out = fmt_pad(out, (uint64_t)d->minute, 2);
    *out++ = ':';
    out = fmt_pad(out, (uint64_t)d->second, 2);
    return FMT_LIT(out, " GMT");
}

/* "Sun, 06 Nov " or with '-' for the blanks behind day and month */
static char *print_day(char *out, const struct date *d, char between)
{
    out = fmt_str(out, (struct str){weekdays + d->weekday * 3, 3});
    out = FMT_LIT(out, ", ");
    out = fmt_pad(out, (uint64_t)d->day, 2);
    *out++ = between;
    out = fmt_str(out, (struct str){months + (d->month - 1) * 3, 3});
    *out++ = between;
    return out;
}

static int64_t clip(int64_t seconds)
{
    return MIN(MAX(seconds, 0), LATEST_S);
}

static void print(char *out, int64_t seconds)
{
    struct date d = date_of(seconds);

    out = print_day(out, &d, ' ');
    out = fmt_pad(out, (uint64_t)d.year, 4);
    *out++ = ' ';
    print_time(out, &d);
}

/* The same few files are asked for over and over: their dates are remembered. */
char *http_date_print(char *out, int64_t seconds)
{
    static struct {
        int64_t seconds;
        char text[HTTP_DATE_BYTES + 1]; /* "" in one not used yet */
    } recent[64], *r;

    seconds = clip(seconds);
    r = &recent[(uint64_t)seconds * 0x9e3779b97f4a7c15u >> 58];
    if (unlikely(r->seconds != seconds || r->text[0] == '\0')) {
        r->seconds = seconds;
        print(r->text, seconds);
    }
    return (char *)memcpy(out, r->text, HTTP_DATE_BYTES) + HTTP_DATE_BYTES;
}

char *http_date_print_cookie(char *out, int64_t seconds)
{
    struct date d = date_of(clip(seconds));

    out = print_day(out, &d, '-');
    if (d.year > 2037)
        out = fmt_pad(out, (uint64_t)d.year, 4);
    else
        out = fmt_pad(out, (uint64_t)(d.year % 100), 2);
    *out++ = ' ';
    return print_time(out, &d);
}

/* Takes exactly `width` digits off the front. */
static bool take_number(struct str *s, size_t width, int *n)
{
    int64_t value;

    if (s->len < width || !str_to_int((struct str){s->data, width}, &value))
        return false;
    *n = (int)value;
    *s = str_from(*s, width);
    return true;
}

static bool take_text(struct str *s, struct str text)
{
    if (!str_starts(*s, text))
        return false;
    *s = str_from(*s, text.len);
    return true;
}

static bool take_month(struct str *s, int *month)
{
    if (s->len < 3)
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(s->data, months + i * 3, 3) == 0) {
            *month = i + 1;
            *s = str_from(*s, 3);
            return true;
        }
    return false;
}

static bool take_time(struct str *s, struct date *d)
{
    return take_number(s, 2, &d->hour) && take_text(s, STR(":")) &&
           take_number(s, 2, &d->minute) && take_text(s, STR(":")) && take_number(s, 2, &d->second);
}

/* "Sun", or "Sunday" */
static bool take_weekday(struct str *s, bool *is_long)
{
    static const struct str endings[] = {
        STR_INIT("day"), STR_INIT("day"), STR_INIT("sday"), STR_INIT("nesday"),
        STR_INIT("rsday"), STR_INIT("day"), STR_INIT("urday"),
    };

    if (s->len < 3)
        return false;
    for (int i = 0; i < 7; i++)
        if (memcmp(s->data, weekdays + i * 3, 3) == 0) {
            *s = str_from(*s, 3);
            *is_long = take_text(s, endings[i]);
            return true;
        }
    return false;
}

static bool take_year(struct str *s, size_t width, struct date *d)
{
    int year;

    if (!take_number(s, width, &year))
        return false;
    d->year = width == 4 ? year : year < 70 ? year + 2000 : year + 1900;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool parse_fixed(struct str s, bool is_long, struct date *d)
{
    struct str between = is_long ? STR("-") : STR(" ");

    return take_text(&s, STR(", ")) && take_number(&s, 2, &d->day) && take_text(&s, between) &&
           take_month(&s, &d->month) && take_text(&s, between) &&
           take_year(&s, is_long ? 2 : 4, d) && take_text(&s, STR(" ")) && take_time(&s, d) &&
           str_eq(s, STR(" GMT"));
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(struct str s, struct date *d)
{
    return take_text(&s, STR(" ")) && take_month(&s, &d->month) && take_text(&s, STR(" ")) &&
           take_number(&s, take_text(&s, STR(" ")) ? 1 : 2, &d->day) && take_text(&s, STR(" ")) &&
           take_time(&s, d) && take_text(&s, STR(" ")) && take_year(&s, 4, d) && s.len == 0;
}

static bool in_range(const struct date *d)
{
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);

    return d->day >= 1 && d->day <= lengths[d->month - 1] &&
           (d->month != 2 || d->day < 29 || leap) && d->hour <= 23 && d->minute <= 59 &&
           d->second <= 59;
}

bool http_date_parse(struct str text, int64_t *seconds)
{
    struct date d = {0};
    bool is_long;

    if (str_find(text, ';') >= 0)
        text = str_trim(str_cut(&text, ';'));
    if (!take_weekday(&text, &is_long))
        return false;
    if (text.len > 0 && text.data[0] == ',' ? !parse_fixed(text, is_long, &d)
                                            : is_long || !parse_asctime(text, &d))
        return false;
    if (!in_range(&d))
        return false;
    *seconds = days_of(d.year, d.month, d.day) * DAY_S + d.hour * 3600 + d.minute * 60 + d.second;
    return true;
}
