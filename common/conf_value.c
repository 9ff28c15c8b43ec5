/*
 * common/conf_value.c - nginx's units.
 *
 * Times are lists of parts with falling units ("1h30m"); a last part without a unit is seconds.
 */
#include "common/conf_value.h"

static bool scaled(struct str digits, int64_t unit, int64_t *out)
{
    int64_t n;

    if (!str_to_int(digits, &n) || n > INT64_MAX / unit)
        return false;
    *out = n * unit;
    return true;
}

bool conf_size(struct str text, int64_t *bytes)
{
    int64_t unit = 1;

    if (text.len == 0)
        return false;
    switch (ascii_lower(text.data[text.len - 1])) {
    case 'k': unit = 1024; break;
    case 'm': unit = 1024 * 1024; break;
    case 'g': unit = 1024 * 1024 * 1024; break;
    default: return scaled(text, 1, bytes);
    }
    text.len--;
    return scaled(text, unit, bytes);
}

/* The unit at the front of s in milliseconds; its length in *len. 0 when there is none. */
static int64_t unit_ms(struct str s, size_t *len)
{
    *len = 1;
    switch (s.data[0]) {
    case 'y': return INT64_C(365) * 24 * 3600 * 1000;
    case 'M': return INT64_C(30) * 24 * 3600 * 1000;
    case 'w': return INT64_C(7) * 24 * 3600 * 1000;
    case 'd': return INT64_C(24) * 3600 * 1000;
    case 'h': return INT64_C(3600) * 1000;
    case 's': return 1000;
    case 'm':
        if (s.len > 1 && s.data[1] == 's') {
            *len = 2;
            return 1;
        }
        return INT64_C(60) * 1000;
    case ' ': return 1000;
    default: return 0;
    }
}

static size_t digits_at(struct str s)
{
    size_t n = 0;

    while (n < s.len && s.data[n] >= '0' && s.data[n] <= '9')
        n++;
    return n;
}

/* Parts with units below `last_unit`. */
static bool sum(struct str text, int64_t last_unit, int64_t *ms)
{
    int64_t total = 0, part, unit;
    size_t digits, unit_len;

    if (text.len == 0)
        return false;
    while (text.len > 0) {
        digits = digits_at(text);
        unit_len = 0;
        unit = digits < text.len ? unit_ms(str_from(text, digits), &unit_len) : 1000;
        if (unit == 0 || unit >= last_unit ||
            !scaled((struct str){text.data, digits}, unit, &part) || part > INT64_MAX - total)
            return false;
        total += part;
        last_unit = unit;
        text = str_from(text, digits + unit_len);
        while (text.len > 0 && text.data[0] == ' ')
            text = str_from(text, 1);
    }
    *ms = total;
    return true;
}

bool conf_ms(struct str text, int64_t *ms)
{
    return sum(text, INT64_C(30) * 24 * 3600 * 1000, ms);
}

bool conf_sec(struct str text, int64_t *seconds)
{
    int64_t ms;

    if (str_search(text, STR("ms")) >= 0 || !sum(text, INT64_MAX, &ms))
        return false;
    *seconds = ms / 1000;
    return true;
}

bool conf_int(struct str text, int64_t *number)
{
    return str_to_int(text, number);
}

bool conf_flag(struct str text, bool *on)
{
    *on = str_eq_nocase(text, STR("on"));
    return *on || str_eq_nocase(text, STR("off"));
}
