/*
 * worker/proxy/proxy_upgrade.c - who may ask an origin to switch protocols, and to what.
 *
 * Unless told otherwise only WebSocket gets through. A switch to HTTP/2 never does on a client's
 * word: requests within it would pass every rule of the configuration by.
 */
#include "worker/proxy/proxy_upgrade.h"

#include "common/base64.h"
#include "common/fmt.h"
#include "worker/proxy/proxy_run.h"

#define KEY_BYTES 16 /* RFC 6455, 4.1: a nonce, in base64 */
#define KEY_TEXT  24

static struct str joined(struct request *r, enum field_id id)
{
    const struct http_field *first = fields_find(r->fields, id);

    return first == NULL ? STR_NONE : fields_join(r->fields, first, request_pool(r));
}

/* The only field of that name. */
static struct str only_value(const struct request *r, enum field_id id)
{
    const struct http_field *f = fields_find(r->fields, id);

    return f == NULL || fields_next_same(r->fields, f) != NULL ? STR_NONE : f->value;
}

static bool is_key(struct str text)
{
    char nonce[KEY_TEXT];

    return text.len == KEY_TEXT && base64_decode(nonce, text) == KEY_BYTES;
}

/* Does its protocol know of switching (RFC 9110, 7.8)? */
static bool may_upgrade(const struct request *r)
{
    return r->version == 11 || r->extended_connect;
}

/* RFC 6455, 4.2.1. */
static bool is_websocket(struct request *r)
{
    return r->method == METHOD_GET && may_upgrade(r) &&
           field_list_has(joined(r, FIELD_UPGRADE), STR("websocket")) &&
           str_eq(only_value(r, FIELD_SEC_WEBSOCKET_VERSION), STR("13")) &&
           is_key(only_value(r, FIELD_SEC_WEBSOCKET_KEY));
}

/* The request goes to the origin as it came, but for its fields. */
static bool is_passed_whole(const struct proxy_run *run)
{
    return run->conf->pass_headers && run->conf->set_body == NULL && run->http->method == NULL &&
           run->r->content_length <= 0 && !run->r->chunked;
}

/* Does the configuration leave it to us? */
static bool has_a_say(const struct proxy_conf *conf)
{
    if (conf->upgrade == UPGRADE_OFF || conf->plan->sets_upgrade || conf->http_version != 11)
        return false;
    return conf->upgrade != UPGRADE_AUTO || !conf->plan->sets_connection;
}

struct str proxy_upgrade_wanted(const struct proxy_run *run)
{
    const struct proxy_conf *conf = run->http;
    struct request *r = run->r;

    if (likely(!fields_has(r->fields, FIELD_UPGRADE)) || !has_a_say(conf) || r != r->main ||
        !may_upgrade(r) || !is_passed_whole(run) ||
        !field_list_has(joined(r, FIELD_CONNECTION), STR("upgrade")))
        return STR_NONE;
    if (is_websocket(r))
        return STR("websocket");
    if (conf->upgrade != UPGRADE_ANY)
        return STR_NONE;
    return field_safe_value(request_pool(r), proxy_upgrade_safe(r, joined(r, FIELD_UPGRADE)));
}

static bool is_http(struct str protocol)
{
    return str_starts_nocase(protocol, STR("h2")) || str_starts_nocase(protocol, STR("http/")) ||
           str_eq_nocase(protocol, STR("http"));
}

static bool is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!h1_head_is_token_char(text.data[i]))
            return false;
    return text.len > 0;
}

/* RFC 9110, 7.8: a name, and perhaps a version. In anything else an origin that reads loosely may
   find HTTP. */
static bool is_passable(struct str protocol)
{
    struct str version = protocol, name = str_cut(&version, '/');

    return is_token(name) && (version.data == NULL || is_token(version)) && !is_http(protocol);
}

static bool is_safe(struct str list)
{
    struct str item;

    while (field_list_next(&list, &item))
        if (!is_passable(item))
            return false;
    return true;
}

struct str proxy_upgrade_safe(struct request *r, struct str list)
{
    struct str item, rest = list;
    char *text, *p;

    if (likely(is_safe(list)))
        return list;
    text = p = pool_bytes(request_pool(r), list.len + 2);
    while (field_list_next(&rest, &item)) {
        if (!is_passable(item))
            continue;
        if (p != text)
            p = FMT_LIT(p, ", ");
        p = fmt_str(p, item);
    }
    return str_range(text, p);
}

bool proxy_upgrade_is_right(struct str asked, bool by_config, const struct http_fields *answer)
{
    const struct http_field *f = fields_find(answer, FIELD_UPGRADE);
    struct str list, item;
    bool named = false;

    if (asked.len == 0)
        return false;
    for (; f != NULL; f = fields_next_same(answer, f)) {
        list = f->value;
        while (field_list_next(&list, &item)) {
            if (!field_list_has(asked, item))
                return false;
            named = true;
        }
    }
    return named || by_config;
}
