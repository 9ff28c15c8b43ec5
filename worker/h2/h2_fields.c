/*
 * worker/h2/h2_fields.c - header fields as the library takes them.
 */
#include "worker/h2/h2_fields.h"

#include "common/fmt.h"

void h2_fields_init(struct h2_fields *h, struct pool *pool, size_t most, bool lasting)
{
    h->pool = pool;
    h->first = h->at = pool_alloc(pool, most * sizeof(*h->first));
    h->flags = lasting ? NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE
                       : NGHTTP2_NV_FLAG_NONE;
}

static struct str lower(struct pool *pool, struct str name)
{
    char *text = NULL;

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < 'A' || name.data[i] > 'Z')
            continue;
        if (text == NULL) {
            text = pool_bytes(pool, name.len);
            memcpy(text, name.data, name.len);
        }
        text[i] = ascii_lower(text[i]);
    }
    return text == NULL ? name : (struct str){text, name.len};
}

void h2_fields_add_safe(struct h2_fields *h, struct str name, struct str value)
{
    h2_fields_add(h, lower(h->pool, name), field_safe_value(h->pool, value));
}

void h2_fields_add_number(struct h2_fields *h, struct str name, uint64_t number)
{
    char *text = pool_bytes(h->pool, 20);

    h2_fields_add(h, name, str_range(text, fmt_uint(text, number)));
}

void h2_fields_add_all(struct h2_fields *h, const struct http_fields *fields)
{
    EACH_FIELD (f, fields)
        if (!(f->flags & FIELD_DELETED) && !field_is_hop_by_hop(f->id))
            h2_fields_add_safe(h, f->name, f->value);
}
