/*
 * worker/proxy/upstream_vars.c - variables: one value for each try, joined as nginx joins them.
 *
 * Tries of one group are separated by ", ", groups (after X-Accel-Redirect or an error page that is
 * proxied too) by " : ".
 */
#include "worker/proxy/upstream_vars.h"

#include <stdio.h>

#include "common/fmt.h"

struct upstream_summary *upstream_summary_get(struct request *r)
{
    if (r->upstreams == NULL)
        r->upstreams = pool_zalloc(request_pool(r), sizeof(*r->upstreams));
    return r->upstreams;
}

static struct request *request_of(struct scope *scope)
{
    return CONTAINER(scope, struct request, scope);
}

/* One try's text ------------------------------------------------------------------------------- */

enum about { ABOUT_ADDR, ABOUT_STATUS, ABOUT_CONNECT, ABOUT_HEAD, ABOUT_RESPONSE, ABOUT_LENGTH,
             ABOUT_RECEIVED, ABOUT_SENT, ABOUT_QUEUE };

#define ONE_MOST 160 /* of one try's text: an address is the longest */

static int status_of(const struct dial_try *t)
{
    if (t->status != 0)
        return t->status;
    switch (t->fault) {
    case DIAL_ERROR:
    case DIAL_NO_PEER:
        return 502;
    case DIAL_TIMEOUT:
        return 504;
    case DIAL_DENIED:
        return 403;
    case DIAL_LOCAL:
        return 500;
    default:
        return 0;
    }
}

static char *print_ms(char *p, int64_t from, int64_t to)
{
    if (to < 0)
        return FMT_LIT(p, "-");
    p = fmt_uint(p, (uint64_t)(to - from) / 1000);
    *p++ = '.';
    return fmt_pad(p, (uint64_t)(to - from) % 1000, 3);
}

static char *print_status(char *p, int status)
{
    return status == 0 ? FMT_LIT(p, "-") : fmt_uint(p, (uint64_t)status);
}

static char *print_one(char *p, const struct dial_try *t, enum about about)
{
    switch (about) {
    case ABOUT_ADDR:
        return fmt_str(p, (struct str){t->addr.data, MIN(t->addr.len, ONE_MOST - 8)});
    case ABOUT_STATUS:
        return print_status(p, status_of(t));
    case ABOUT_CONNECT:
        return print_ms(p, t->started_ms, t->connected_ms);
    case ABOUT_HEAD:
        return print_ms(p, t->started_ms, t->head_ms);
    case ABOUT_RESPONSE:
        return print_ms(p, t->started_ms, t->ended_ms);
    case ABOUT_LENGTH:
        return fmt_uint(p, (uint64_t)t->body_bytes);
    case ABOUT_RECEIVED:
        return fmt_uint(p, (uint64_t)t->bytes_received);
    case ABOUT_SENT:
        return fmt_uint(p, (uint64_t)t->bytes_sent);
    case ABOUT_QUEUE:
        return print_ms(p, 0, t->queued_ms);
    }
    return p;
}

static void get_tries(struct scope *scope, struct var_value *out, uintptr_t about)
{
    struct request *r = request_of(scope);
    const struct dial_try *first = r->upstreams == NULL ? NULL : r->upstreams->tries;
    size_t count = 0;
    char *text, *p;

    if (first == NULL) {
        var_missing(out);
        return;
    }
    for (const struct dial_try *t = first; t != NULL; t = t->next)
        count++;
    text = p = pool_bytes(request_pool(r), count * ONE_MOST);
    for (const struct dial_try *t = first; t != NULL; t = t->next) {
        bool mark = t->addr.len == 0;

        if (t != first)
            p = mark ? FMT_LIT(p, " : ") : p[-1] == ' ' ? p : FMT_LIT(p, ", ");
        if (!mark)
            p = print_one(p, t, (enum about)about);
    }
    var_found(out, str_range(text, p));
}

/* Of the last try. */
static void get_last(struct scope *scope, struct var_value *out, uintptr_t about)
{
    struct request *r = request_of(scope);
    const struct dial_try *last = r->upstreams == NULL ? NULL : r->upstreams->tries;

    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last == NULL || last->addr.len == 0)
        var_missing(out);
    else
        var_found(out, about == ABOUT_ADDR ? last->addr : last->server);
}

/* Fields of the answer ------------------------------------------------------------------------- */

static bool names_field(struct str var, struct str field)
{
    if (var.len != field.len)
        return false;
    for (size_t i = 0; i < var.len; i++) {
        char c = ascii_lower(field.data[i]);

        if (var.data[i] != (c == '-' ? '_' : c))
            return false;
    }
    return true;
}

static void get_from(struct request *r, const struct http_fields *fields, struct str name,
                     struct var_value *out)
{
    struct str text = STR_NONE;

    if (fields != NULL)
        EACH_FIELD (f, fields) {
            if (!names_field(name, f->name))
                continue;
            text = text.data == NULL ? f->value
                                     : pool_printf(request_pool(r), "%" STR_FMT ", %" STR_FMT,
                                                   STR_ARG(text), STR_ARG(f->value));
        }
    if (text.data == NULL)
        var_missing(out);
    else
        var_found(out, text);
}

static struct str behind(uintptr_t data, const char *prefix)
{
    return str_from(*(const struct str *)data, strlen(prefix));
}

static void get_http(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    get_from(r, r->upstreams == NULL ? NULL : r->upstreams->fields, behind(data, "upstream_http_"),
             out);
}

static void get_trailer(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);

    get_from(r, r->upstreams == NULL ? NULL : r->upstreams->trailers,
             behind(data, "upstream_trailer_"), out);
}

static void get_cookie(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    struct str name = behind(data, "upstream_cookie_");
    const struct http_field *f = NULL;

    var_missing(out);
    if (r->upstreams != NULL && r->upstreams->fields != NULL)
        f = fields_find(r->upstreams->fields, FIELD_SET_COOKIE);
    for (; f != NULL; f = fields_next_same(r->upstreams->fields, f)) {
        struct str rest = f->value, first = str_cut(&rest, ';');
        struct str key = str_cut(&first, '=');

        if (str_eq_nocase(str_trim(key), name)) {
            var_found(out, first.data == NULL ? STR("") : first);
            return;
        }
    }
}

/* $proxy_... ----------------------------------------------------------------------------------- */

static void get_proxy(struct scope *scope, struct var_value *out, uintptr_t port)
{
    struct request *r = request_of(scope);
    const struct upstream_summary *summary = r->upstreams;

    if (summary == NULL || summary->target == NULL) {
        const struct proxy_pass *pass = PROXY_CONF(r)->origin.pass;

        if (pass == NULL || pass->url != NULL)
            var_missing(out);
        else
            var_found(out, port ? pass->port : pass->host);
        return;
    }
    if (!summary->http)
        var_missing(out);
    else
        var_found(out, port ? summary->target->port : summary->target->host);
}

/* Nothing is cached. */
static void get_cache(struct scope *scope, struct var_value *out, uintptr_t data)
{
    var_missing(out);
}

static void get_forwarded_for(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = request_of(scope);
    const struct http_field *f = fields_find(r->fields, FIELD_X_FORWARDED_FOR);
    struct addr peer;
    char *text, *p;
    size_t room = ADDR_TEXT;

    for (const struct http_field *at = f; at != NULL; at = fields_next_same(r->fields, at))
        room += at->value.len + 2;
    text = p = pool_bytes(request_pool(r), room);
    for (; f != NULL; f = fields_next_same(r->fields, f)) {
        p = fmt_str(p, f->value);
        p = FMT_LIT(p, ", ");
    }
    if (scope_client(scope, &peer))
        p += addr_print_host(&peer, p, ADDR_TEXT);
    var_found(out, str_range(text, p));
}

static const struct var_def variables[] = {
    {"upstream_addr", get_tries, NULL, ABOUT_ADDR, VAR_NO_CACHE},
    {"upstream_status", get_tries, NULL, ABOUT_STATUS, VAR_NO_CACHE},
    {"upstream_connect_time", get_tries, NULL, ABOUT_CONNECT, VAR_NO_CACHE},
    {"upstream_header_time", get_tries, NULL, ABOUT_HEAD, VAR_NO_CACHE},
    {"upstream_response_time", get_tries, NULL, ABOUT_RESPONSE, VAR_NO_CACHE},
    {"upstream_response_length", get_tries, NULL, ABOUT_LENGTH, VAR_NO_CACHE},
    {"upstream_bytes_received", get_tries, NULL, ABOUT_RECEIVED, VAR_NO_CACHE},
    {"upstream_bytes_sent", get_tries, NULL, ABOUT_SENT, VAR_NO_CACHE},
    {"upstream_queue_time", get_tries, NULL, ABOUT_QUEUE, VAR_NO_CACHE},
    {"upstream_last_addr", get_last, NULL, ABOUT_ADDR, VAR_NO_CACHE},
    {"upstream_last_server_name", get_last, NULL, ABOUT_STATUS, VAR_NO_CACHE},
    {"upstream_cache_status", get_cache, NULL, 0, VAR_NO_CACHE},
    {"upstream_http_", get_http, NULL, 0, VAR_NO_CACHE | VAR_PREFIX},
    {"upstream_trailer_", get_trailer, NULL, 0, VAR_NO_CACHE | VAR_PREFIX},
    {"upstream_cookie_", get_cookie, NULL, 0, VAR_NO_CACHE | VAR_PREFIX},
    {"proxy_host", get_proxy, NULL, 0, VAR_NO_CACHE | VAR_CHANGEABLE},
    {"proxy_port", get_proxy, NULL, 1, VAR_NO_CACHE | VAR_CHANGEABLE},
    {"proxy_add_x_forwarded_for", get_forwarded_for, NULL, 0, VAR_NO_CACHE},
};

const struct module upstream_vars_module = {
    .name = "upstream_variables",
    .doc = "Variables that tell how requests fared at their origins.",
    .family = FAMILY_HTTP,
    .variables = TABLE(variables),
};
