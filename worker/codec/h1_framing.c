/*
 * worker/codec/h1_framing.c - what the fields of a head say about body, connection and host.
 *
 * Two readers of one message that disagree on where it ends can be made to see different requests.
 * So whatever could be read in two ways is refused here (RFC 9112, 6.1 to 6.3 and 11.2).
 */
#include "worker/codec/h1_framing.h"

static enum h1_fault take_host(struct h1_head *h, struct str value)
{
    bool has_upper;
    struct str host;
    int32_t port;

    if (!h1_host_parse(value, &host, &port, &has_upper))
        return H1_FAULT_HOST;
    if (h->host.data == NULL) { /* the target's own comes first: RFC 9112, 3.2.2 */
        h->host = host;
        h->port = port;
        h->host_has_upper = has_upper;
    }
    return H1_FAULT_NONE;
}

static enum h1_fault take_length(struct h1_head *h, struct str value)
{
    return str_to_int(value, &h->content_length) ? H1_FAULT_NONE : H1_FAULT_LENGTH;
}

static enum h1_fault take_coding(struct h1_head *h, struct str value)
{
    if (!field_word_is(value, STR("chunked")))
        return H1_FAULT_CODING_UNKNOWN;
    h->chunked = true;
    return H1_FAULT_NONE;
}

static void take_option(struct h1_head *h, struct str option)
{
    if (field_word_is(option, STR("close")))
        h->close_asked = true;
    else if (field_word_is(option, STR("keep-alive")))
        h->keep_alive_asked = true;
    else if (field_word_is(option, STR("upgrade")))
        h->connection_upgrade = true;
    else if (field_word_is(option, STR("te")))
        h->connection_te = true;
}

static void take_connection(struct h1_head *h, struct str value)
{
    struct str option;

    if (field_word_is(value, STR("keep-alive"))) { /* nearly always */
        h->keep_alive_asked = true;
        return;
    }
    while (field_list_next(&value, &option))
        take_option(h, option);
}

static enum h1_fault request_field(struct h1_head *h, enum field_id id, struct str value,
                                   bool again)
{
    switch (id) {
    case FIELD_HOST:
        return again ? H1_FAULT_HOST_DUPLICATE : take_host(h, value);
    case FIELD_EXPECT:
        h->expect_continue = field_word_is(value, STR("100-continue"));
        break;
    case FIELD_TE:
        h->te_trailers = h->te_trailers || field_list_has(value, STR("trailers"));
        break;
    case FIELD_IF_RANGE:
    case FIELD_IF_MODIFIED_SINCE:
    case FIELD_IF_UNMODIFIED_SINCE:
    case FIELD_IF_MATCH:
    case FIELD_IF_NONE_MATCH:
    case FIELD_AUTHORIZATION:
    case FIELD_CONTENT_RANGE:
        break;
    default:
        return H1_FAULT_NONE;
    }
    return again && id != FIELD_TE ? H1_FAULT_DUPLICATE : H1_FAULT_NONE;
}

enum h1_fault h1_framing_field(struct h1_head *h, enum field_id id, struct str value, bool again)
{
    switch (id) {
    case FIELD_CONNECTION:
        take_connection(h, value);
        return H1_FAULT_NONE;
    case FIELD_CONTENT_LENGTH:
        return again ? H1_FAULT_LENGTH_DUPLICATE : take_length(h, value);
    case FIELD_TRANSFER_ENCODING:
        if (h->kind >= H1_CGI)
            return H1_FAULT_NONE; /* says nothing there: the protocol around it ends bodies */
        return again ? H1_FAULT_CODING_DUPLICATE : take_coding(h, value);
    default:
        return h->kind == H1_REQUEST ? request_field(h, id, value, again) : H1_FAULT_NONE;
    }
}

/* "Status: 404 Not Found". Without it a Location means a redirect (RFC 3875, 6.2 and 6.3.3). */
static enum h1_fault take_cgi_status(struct h1_head *h)
{
    const struct http_field *field = fields_find(&h->fields, FIELD_STATUS);
    int64_t status;

    h->version = H1_11;
    if (h->status != 0) /* the status line's */
        return H1_FAULT_NONE;
    h->status = fields_has(&h->fields, FIELD_LOCATION) ? 302 : 200;
    if (field == NULL)
        return H1_FAULT_NONE;
    if (field->value.len < 3 || !str_to_int((struct str){field->value.data, 3}, &status) ||
        status < 200 || (field->value.len > 3 && field->value.data[3] != ' '))
        return H1_FAULT_STATUS_LINE;
    h->status = (uint16_t)status;
    h->reason = str_from(field->value, MIN(field->value.len, 4));
    return H1_FAULT_NONE;
}

enum h1_fault h1_framing_settle(struct h1_head *h)
{
    if (h->kind >= H1_CGI)
        return take_cgi_status(h);
    if (h->chunked && h->content_length >= 0)
        return H1_FAULT_LENGTH_WITH_CODING;
    if (h->kind == H1_REQUEST) {
        if (h->version >= H1_11 && !fields_has(&h->fields, FIELD_HOST))
            return H1_FAULT_HOST_MISSING;
        if (h->version < H1_11 && h->chunked)
            return H1_FAULT_CODING_IN_10;
        h->expect_continue = h->expect_continue && h->version >= H1_11;
        h->te_trailers = h->te_trailers && h->connection_te;
    }
    h->keep_alive = !h->close_asked && (h->version >= H1_11 || h->keep_alive_asked);
    if (h->version < H1_11 && h->chunked)
        h->keep_alive = false; /* an origin that does not know what it speaks: RFC 9112, 6.1 */
    h->upgrade = h->connection_upgrade && fields_has(&h->fields, FIELD_UPGRADE);
    return H1_FAULT_NONE;
}

enum h1_body h1_body_kind(const struct h1_head *h, bool to_head)
{
    if (h->kind != H1_REQUEST &&
        (to_head || h->status < 200 || h->status == 204 || h->status == 304))
        return H1_BODY_NONE;
    if (h->chunked)
        return H1_BODY_CHUNKED;
    if (h->content_length >= 0)
        return h->content_length > 0 ? H1_BODY_LENGTH : H1_BODY_NONE;
    return h->kind != H1_REQUEST ? H1_BODY_CLOSE : H1_BODY_NONE;
}
