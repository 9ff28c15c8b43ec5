/*
 * worker/h2/h2_fields.h - header fields as the library takes them, made of lists as others have.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "worker/codec/field.h"

struct h2_fields {
    struct pool *pool;
    nghttp2_nv *first, *at;
    uint8_t flags;         /* of each: whether the library copies the texts */
};

/* Room for `most` fields, in the pool. `lasting`: all texts live until the frame is made, so the
   library need not copy them. */
void h2_fields_init(struct h2_fields *h, struct pool *pool, size_t most, bool lasting);

/* The name is in lower case already. */
static inline void h2_fields_add(struct h2_fields *h, struct str name, struct str value)
{
    *h->at++ = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.data, .namelen = name.len,
        .value = (uint8_t *)(uintptr_t)value.data, .valuelen = value.len, .flags = h->flags,
    };
}

/* Any name, any value: as they may be sent (RFC 9113, 8.2). */
void h2_fields_add_safe(struct h2_fields *h, struct str name, struct str value);
void h2_fields_add_number(struct h2_fields *h, struct str name, uint64_t number);

/* A whole list, but for what is deleted or has no meaning in HTTP/2 (RFC 9113, 8.2.2). */
void h2_fields_add_all(struct h2_fields *h, const struct http_fields *fields);

static inline size_t h2_fields_count(const struct h2_fields *h)
{
    return (size_t)(h->at - h->first);
}
