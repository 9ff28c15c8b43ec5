/*
 * worker/filter/not_modified.c - conditional requests: 304 and 412 (RFC 9110, 13).
 *
 * Order and reading of the conditions are nginx's: a failed If-Unmodified-Since or If-Match
 * refuses; then all that is given of If-Modified-Since and If-None-Match must say "not modified".
 */
#include "worker/filter/not_modified.h"

#include "worker/codec/http_date.h"
#include "worker/http/http_core.h"
#include "worker/http/output.h"
#include "worker/http/representation.h"

enum { MODIFIED_OFF, MODIFIED_EXACT, MODIFIED_BEFORE }; /* if_modified_since */

static bool is_unmodified_since(const struct request *r, struct str date)
{
    int64_t since;

    return r->out.has_last_modified && http_date_parse(date, &since) &&
           since >= r->out.last_modified;
}

static bool is_modified_since(const struct request *r, struct str date)
{
    int64_t rule = HTTP_CORE(r)->if_modified_since, since;

    if (!r->out.has_last_modified || rule == MODIFIED_OFF || !http_date_parse(date, &since))
        return true;
    if (since == r->out.last_modified)
        return false;
    return rule == MODIFIED_EXACT || since < r->out.last_modified;
}

/* RFC 9110, 8.8.3.2; the strong comparison leaves W/ as part of the tag. */
static bool is_in_list(struct str etag, struct str list, bool weak)
{
    struct str tag;

    if (str_eq(list, STR("*")))
        return true;
    if (etag.len == 0)
        return false;
    if (weak && str_starts(etag, STR("W/")))
        etag = str_from(etag, 2);
    while (field_list_next(&list, &tag)) {
        if (weak && str_starts(tag, STR("W/")))
            tag = str_from(tag, 2);
        if (str_eq(tag, etag))
            return true;
    }
    return false;
}

static bool is_refused(const struct request *r)
{
    struct str since = fields_value(r->fields, FIELD_IF_UNMODIFIED_SINCE);
    struct str match = fields_value(r->fields, FIELD_IF_MATCH);

    return (since.data != NULL && !is_unmodified_since(r, since)) ||
           (match.data != NULL && !is_in_list(r->out.etag, match, false));
}

static bool is_unmodified(const struct request *r)
{
    struct str since = fields_value(r->fields, FIELD_IF_MODIFIED_SINCE);
    struct str none = fields_value(r->fields, FIELD_IF_NONE_MATCH);

    if (since.data == NULL && none.data == NULL)
        return false;
    return (since.data == NULL || !is_modified_since(r, since)) &&
           (none.data == NULL || is_in_list(r->out.etag, none, true));
}

static void answer_not_modified(struct request *r)
{
    output_drop_body(r);
    r->out.length = -1;
    r->out.status = 304;
    r->out.reason = STR_NONE;
    r->out.type = STR("");
    r->out.charset = STR_NONE;
    r->out.encoding = STR_NONE;
    r->out.accept_ranges = false;
    representation_drop(r, FIELD_ACCEPT_RANGES);
}

static void filter(struct request *r)
{
    if (r->out.status != 200 || r != r->main || r->out.is_origins)
        return;
    if (is_refused(r)) {
        fields_init(r->out.fields, request_pool(r));
        request_fail(r, 412, "request.precondition");
    } else if (is_unmodified(r)) {
        answer_not_modified(r);
    }
}

const struct module not_modified_module = {
    .name = "not_modified",
    .doc = "Answers to conditional requests.",
    .family = FAMILY_HTTP,
    .filter = filter,
};
