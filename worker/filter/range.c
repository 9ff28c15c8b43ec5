/*
 * worker/filter/range.c - parts of a body: 206 and 416 (RFC 9110, 14).
 *
 * Works on any body of known length that may be cut. One that can be read anywhere (source_ops'
 * window) is not read beyond what is asked for; any other is read through, and cut in the order in
 * which it comes: ranges that go back in such a body get all of it.
 */
#include "worker/filter/range.h"

#include <stdio.h>

#include "common/random.h"
#include "worker/codec/http_date.h"
#include "worker/codec/range_set.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"
#include "worker/http/representation.h"

#define DROP_BYTES (64 * 1024) /* pulled at once of what is not asked for */

struct range_source {
    struct source source;
    struct source *body;
    struct byte_range *ranges;
    struct str *heads;      /* what comes before each range; NULL: nothing (one range) */
    struct str tail;
    uint32_t count, at;
    bool begun;             /* the range at `at` */
    int64_t position;       /* in the body, where it is read through */
    int64_t left;           /* of the range at `at` */
};

/* The body ------------------------------------------------------------------------------------ */

/* Reads a body that cannot be entered anywhere up to where the range begins. */
static enum pull drop_until(struct range_source *s, int64_t first)
{
    enum pull result = PULL_MORE;
    struct chain dropped;

    chain_init(&dropped);
    while (s->position < first && result == PULL_MORE) {
        result = source_pull(s->body, &dropped, (size_t)MIN(first - s->position, DROP_BYTES));
        s->position += (int64_t)dropped.bytes;
        chain_clear(&dropped);
    }
    chain_fini(&dropped);
    if (s->position >= first)
        return PULL_MORE;
    return result == PULL_END ? PULL_ERROR : result;
}

static enum pull begin_range(struct range_source *s, struct chain *out)
{
    const struct byte_range *range = &s->ranges[s->at];
    enum pull result = PULL_MORE;

    if (s->body->ops->window != NULL)
        s->body->ops->window(s->body, range->first, range->end - range->first);
    else
        result = drop_until(s, range->first);
    if (result != PULL_MORE)
        return result;
    s->left = range->end - range->first;
    s->begun = true;
    if (s->heads != NULL)
        chain_add(out, s->heads[s->at].data, s->heads[s->at].len);
    return PULL_MORE;
}

static enum pull end_range(struct range_source *s, struct chain *out)
{
    s->begun = false;
    if (++s->at < s->count)
        return PULL_MORE;
    chain_add(out, s->tail.data, s->tail.len);
    return PULL_END;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct range_source *s = CONTAINER(source, struct range_source, source);
    size_t before = out->bytes, given;
    enum pull result;

    s->body->waiter = source->waiter;
    s->body->file_ok = source->file_ok;
    if (!s->begun && (result = begin_range(s, out)) != PULL_MORE)
        return result;
    given = out->bytes;
    result = source_pull(s->body, out, (size_t)MIN((uint64_t)s->left, max));
    s->left -= (int64_t)(out->bytes - given);
    s->position += (int64_t)(out->bytes - given);
    if (s->left == 0 && result != PULL_ERROR)
        return end_range(s, out);
    if (result == PULL_WAIT && out->bytes > before)
        return PULL_MORE; /* a head was given */
    return result == PULL_END ? PULL_ERROR : result;
}

static void close_body(struct source *source)
{
    source_close(CONTAINER(source, struct range_source, source)->body);
}

static const struct source_ops range_ops = {.name = "range", .pull = pull, .close = close_body};

static struct range_source *cut(struct request *r, const struct range_set *set)
{
    struct range_source *s = pool_zalloc(request_pool(r), sizeof(*s));
    size_t bytes = set->count * sizeof(*s->ranges);

    s->ranges = memcpy(pool_alloc(request_pool(r), bytes), set->ranges, bytes);
    s->count = set->count;
    s->body = r->out.body;
    s->source = (struct source){.ops = &range_ops, .length = set->bytes, .file_ok = true};
    r->out.body = &s->source;
    return s;
}

/* The answer ---------------------------------------------------------------------------------- */

static struct str content_range(struct request *r, const struct byte_range *range)
{
    return pool_printf(request_pool(r), "bytes %lld-%lld/%lld", (long long)range->first,
                       (long long)range->end - 1, (long long)r->out.length);
}

static void answer_single(struct request *r, const struct range_set *set)
{
    request_add_field(r, STR("Content-Range"), content_range(r, &set->ranges[0]),
                      FIELD_CONTENT_RANGE);
    if (r->out.body != NULL)
        cut(r, set);
    r->out.length = set->bytes;
}

static struct str type_line(struct request *r)
{
    const struct response *out = &r->out;

    if (out->type.len == 0)
        return STR("");
    return pool_printf(request_pool(r), "Content-Type: %" STR_FMT "%s%" STR_FMT "\r\n",
                       STR_ARG(out->type), out->charset.len > 0 ? "; charset=" : "",
                       STR_ARG(out->charset));
}

/* Unlikely to occur in a body, and the same length each time. */
static struct str new_boundary(struct pool *pool)
{
    uint64_t n;

    random_bytes(&n, sizeof(n));
    return pool_printf(pool, "%020llu", (unsigned long long)n);
}

/* RFC 9110, 14.6 */
static void answer_multiple(struct request *r, const struct range_set *set)
{
    struct pool *pool = request_pool(r);
    struct str boundary = new_boundary(pool), type = type_line(r);
    struct range_source *s = r->out.body != NULL ? cut(r, set) : NULL;
    struct str *heads = pool_alloc(pool, set->count * sizeof(*heads));
    struct str tail = pool_printf(pool, "\r\n--%" STR_FMT "--\r\n", STR_ARG(boundary));
    int64_t length = set->bytes + (int64_t)tail.len;

    for (uint32_t i = 0; i < set->count; i++) {
        heads[i] = pool_printf(pool, "\r\n--%" STR_FMT "\r\n%" STR_FMT "Content-Range: %" STR_FMT
                                     "\r\n\r\n", STR_ARG(boundary), STR_ARG(type),
                               STR_ARG(content_range(r, &set->ranges[i])));
        length += (int64_t)heads[i].len;
    }
    if (s != NULL) {
        s->heads = heads;
        s->tail = tail;
        s->source.length = length;
    }
    r->out.type = pool_printf(pool, "multipart/byteranges; boundary=%" STR_FMT, STR_ARG(boundary));
    r->out.charset = STR_NONE;
    r->out.length = length;
}

static void answer_unsatisfiable(struct request *r)
{
    struct str whole = pool_printf(request_pool(r), "bytes */%lld", (long long)r->out.length);

    request_fail(r, 416, "request.range");
    representation_drop(r, FIELD_LAST_MODIFIED);
    representation_drop(r, FIELD_ETAG);
    request_add_field(r, STR("Content-Range"), whole, FIELD_CONTENT_RANGE);
}

/* RFC 9110, 13.1.5 */
static bool if_range_holds(struct request *r)
{
    struct str value = fields_value(r->fields, FIELD_IF_RANGE);
    int64_t date, modified;

    if (value.data == NULL)
        return true;
    if (value.len >= 2 && value.data[value.len - 1] == '"')
        return str_eq(value, representation_field(r, FIELD_ETAG));
    return http_date_parse(value, &date) &&
           http_date_parse(representation_field(r, FIELD_LAST_MODIFIED), &modified) &&
           date == modified;
}

/* Whether the body can give them: one that is read through cannot go back. */
static bool can_give(const struct request *r, const struct range_set *set)
{
    if (r->out.body == NULL || r->out.body->ops->window != NULL)
        return true;
    for (uint32_t i = 1; i < set->count; i++)
        if (set->ranges[i].first < set->ranges[i - 1].end)
            return false;
    return true;
}

static void answer_range(struct request *r, struct str value)
{
    int64_t most = r->out.single_range ? 1 : HTTP_CORE(r)->max_ranges;
    struct range_set set;

    switch (range_set_parse(&set, value, r->out.length,
                            most < 0 ? UINT32_MAX : (uint32_t)MIN(most, UINT32_MAX),
                            request_pool(r))) {
    case RANGE_WHOLE:
        return;
    case RANGE_UNSATISFIABLE:
        answer_unsatisfiable(r);
        return;
    case RANGE_PARTIAL:
        break;
    }
    if (!can_give(r, &set))
        return;
    r->out.status = 206;
    r->out.reason = STR_NONE;
    if (set.count == 1)
        answer_single(r, &set);
    else
        answer_multiple(r, &set);
}

static void filter(struct request *r)
{
    struct str value;

    if (!r->out.accept_ranges)
        return;
    if (r->out.status != 200 || r != r->main || r->out.length < 0 ||
        HTTP_CORE(r)->max_ranges == 0) {
        r->out.accept_ranges = false;
        return;
    }
    value = fields_value(r->fields, FIELD_RANGE);
    if (value.data != NULL && if_range_holds(r))
        answer_range(r, value);
}

const struct module range_module = {
    .name = "range",
    .doc = "Parts of a body, where a client asks for them.",
    .family = FAMILY_HTTP,
    .filter = filter,
};
