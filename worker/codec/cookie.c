/*
 * worker/codec/cookie.c - cookies that a client sends.
 */
#include "worker/codec/cookie.h"

/* name=value pairs, separated by "; ". */
static struct str find_in(struct str header, struct str name)
{
    struct str pair, key;

    while (header.data != NULL) {
        pair = str_trim(str_cut(&header, ';'));
        key = str_cut(&pair, '=');
        if (pair.data != NULL && str_eq_nocase(str_trim(key), name))
            return str_trim(pair);
    }
    return STR_NONE;
}

struct str cookie_find(const struct http_fields *fields, struct str name)
{
    const struct http_field *f = fields_find(fields, FIELD_COOKIE);
    struct str value = STR_NONE;

    for (; f != NULL && value.data == NULL; f = fields_next_same(fields, f))
        value = find_in(f->value, name);
    return value;
}
