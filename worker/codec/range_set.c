/*
 * worker/codec/range_set.c - the Range field: which parts of a representation are asked for.
 *
 * RFC 9110, 14.1.2. As in nginx, blanks may stand around numbers and the hyphen, a field that asks
 * for more bytes than there are is answered with the whole, and a malformed one with 416.
 */
#include "worker/codec/range_set.h"

static void skip_blanks(struct str *s)
{
    while (s->len > 0 && s->data[0] == ' ')
        *s = str_from(*s, 1);
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->data[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

static bool take_number(struct str *s, int64_t *n)
{
    size_t len = 0;
    bool fits;

    while (len < s->len && s->data[len] >= '0' && s->data[len] <= '9')
        len++;
    fits = str_to_int((struct str){s->data, len}, n);
    *s = str_from(*s, len);
    return fits;
}

/* "-500": the last bytes. */
static bool take_suffix(struct str *s, int64_t length, struct byte_range *r)
{
    int64_t count;

    if (!take_number(s, &count))
        return false;
    r->first = count < length ? length - count : 0;
    r->end = count > 0 ? length : r->first;
    return true;
}

/* "0-499", "500-" */
static bool take_span(struct str *s, int64_t length, struct byte_range *r)
{
    int64_t last = length - 1;

    if (!take_number(s, &r->first))
        return false;
    skip_blanks(s);
    if (!take_char(s, '-'))
        return false;
    skip_blanks(s);
    if (s->len > 0 && s->data[0] != ',' && !take_number(s, &last))
        return false;
    r->end = last < length ? last + 1 : length;
    return true;
}

static bool take_spec(struct str *s, int64_t length, struct byte_range *r)
{
    bool suffix, valid;

    skip_blanks(s);
    suffix = take_char(s, '-');
    valid = suffix ? take_suffix(s, length, r) : take_span(s, length, r);
    skip_blanks(s);
    return valid && (s->len == 0 || s->data[0] == ',');
}

static bool keep(struct range_set *out, struct byte_range r, struct pool *pool)
{
    struct byte_range *more;

    if (out->count == out->cap) {
        more = pool_try_alloc(pool, 2 * (size_t)out->cap * sizeof(*more));
        if (more == NULL)
            return false;
        memcpy(more, out->ranges, out->count * sizeof(*more));
        out->ranges = more;
        out->cap *= 2;
    }
    out->ranges[out->count++] = r;
    out->bytes += r.end - r.first;
    return true;
}

enum range_answer range_set_parse(struct range_set *out, struct str value, int64_t length,
                                  uint32_t max, struct pool *pool)
{
    struct str s = value;
    bool too_much = false;
    struct byte_range r;

    out->ranges = out->inplace;
    out->count = 0;
    out->cap = RANGES_INPLACE;
    out->bytes = 0;
    if (max == 0 || !str_starts_nocase(value, STR("bytes=")) || value.len == 6)
        return RANGE_WHOLE;
    s = str_from(s, 6);
    do {
        if (!take_spec(&s, length, &r))
            return RANGE_UNSATISFIABLE;
        if (r.first >= r.end) {
            if (r.first == 0) /* of nothing */
                return RANGE_WHOLE;
            continue;
        }
        too_much = too_much || out->bytes > length - (r.end - r.first);
        if (out->count == max || (!too_much && !keep(out, r, pool)))
            return RANGE_WHOLE;
    } while (take_char(&s, ','));
    if (too_much)
        return RANGE_WHOLE;
    return out->count > 0 ? RANGE_PARTIAL : RANGE_UNSATISFIABLE;
}
