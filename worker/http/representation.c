/*
 * worker/http/representation.c - what filters that change a body ask of the head, and do to it.
 */
#include "worker/http/representation.h"

#include "worker/codec/http_date.h"

static struct http_field *find(const struct request *r, enum field_id id)
{
    struct http_field *f = fields_find(r->out.fields, id);

    while (f != NULL && (f->flags & FIELD_DELETED))
        f = fields_next_same(r->out.fields, f);
    return f;
}

struct str representation_field(struct request *r, enum field_id id)
{
    const struct http_field *f = find(r, id);
    char *text;

    if (id == FIELD_ETAG && r->out.etag.len > 0)
        return r->out.etag;
    if (id == FIELD_CONTENT_ENCODING && r->out.encoding.len > 0)
        return r->out.encoding;
    if (id == FIELD_LAST_MODIFIED && r->out.has_last_modified) {
        text = pool_bytes(request_pool(r), HTTP_DATE_BYTES);
        return str_range(text, http_date_print(text, r->out.last_modified));
    }
    return f == NULL ? STR_NONE : f->value;
}

void representation_drop(struct request *r, enum field_id id)
{
    EACH_FIELD (f, r->out.fields) {
        if (f->id == id)
            f->flags |= FIELD_DELETED;
    }
    if (id == FIELD_ETAG)
        r->out.etag = STR_NONE;
    if (id == FIELD_CONTENT_ENCODING)
        r->out.encoding = STR_NONE;
    if (id == FIELD_LAST_MODIFIED)
        r->out.has_last_modified = false;
}

bool representation_is_encoded(const struct request *r)
{
    const struct http_field *f = find(r, FIELD_CONTENT_ENCODING);

    return r->out.encoding.len > 0 || (f != NULL && f->value.len > 0);
}

/* RFC 9110, 8.8.1: what is the same but for its coding may share a weak tag only. */
static struct str weaken(struct pool *pool, struct str etag)
{
    if (str_starts(etag, STR("W/")) || etag.len == 0)
        return etag;
    if (etag.data[0] != '"')
        return STR_NONE;
    return pool_printf(pool, "W/%" STR_FMT, STR_ARG(etag));
}

void representation_changes(struct request *r)
{
    representation_rewords(r);
    representation_drop(r, FIELD_ACCEPT_RANGES);
}

void representation_rewords(struct request *r)
{
    struct http_field *f = find(r, FIELD_ETAG);

    r->out.length = -1;
    r->out.accept_ranges = false;
    r->out.etag = weaken(request_pool(r), r->out.etag);
    if (f == NULL)
        return;
    f->value = weaken(request_pool(r), f->value);
    if (f->value.len == 0)
        f->flags |= FIELD_DELETED;
}
