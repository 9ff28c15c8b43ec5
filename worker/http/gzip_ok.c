/*
 * worker/http/gzip_ok.c - whether a client may be sent gzip.
 *
 * A request with Via came through a proxy, which might hand the compressed answer to others: for
 * those gzip_proxied decides by what the response says of caching.
 */
#include "worker/http/gzip_ok.h"

#include "common/clock.h"
#include "common/conf_load.h"
#include "common/regex.h"
#include "worker/codec/http_date.h"
#include "worker/http/representation.h"

static uint32_t gzip_ok_index;

enum {
    PROXIED_OFF = 1, PROXIED_EXPIRED = 2, PROXIED_NO_CACHE = 4, PROXIED_NO_STORE = 8,
    PROXIED_PRIVATE = 16, PROXIED_NO_LAST_MODIFIED = 32, PROXIED_NO_ETAG = 64, PROXIED_AUTH = 128,
    PROXIED_ANY = 256
};

struct disabled {
    struct regex *agents;
    struct disabled *next;
};

struct gzip_ok_conf {
    bool vary, disable_msie6;
    int64_t http_version;
    int64_t proxied;
    struct disabled *disabled;
};

struct gzip_ok_ctx {
    bool varies;
};

/* Configuration -------------------------------------------------------------------------------- */

static bool set_disable(struct conf_call *call)
{
    struct gzip_ok_conf *conf = call->conf;
    struct regex_error error;

    if (call->first)
        conf->disable_msie6 = false;
    for (uint32_t i = 0; i < call->count; i++) {
        struct disabled *disabled;

        if (str_eq(conf_arg(call, i), STR("msie6"))) {
            conf->disable_msie6 = true;
            continue;
        }
        disabled = pool_zalloc(call->pool, sizeof(*disabled));
        disabled->agents = regex_compile(call->pool, conf_arg(call, i), true, &error);
        if (disabled->agents == NULL)
            return conf_fail_arg(call, i, "pcre2_compile() failed: %s in \"%" STR_FMT "\"",
                                 error.text, STR_ARG(conf_arg(call, i)));
        disabled->next = conf->disabled;
        conf->disabled = disabled;
    }
    return true;
}

static const struct word version_words[] = {{"1.0", 10}, {"1.1", 11}, {NULL, 0}};
static const struct word proxied_words[] = {
    {"off", PROXIED_OFF}, {"expired", PROXIED_EXPIRED}, {"no-cache", PROXIED_NO_CACHE},
    {"no-store", PROXIED_NO_STORE}, {"private", PROXIED_PRIVATE},
    {"no_last_modified", PROXIED_NO_LAST_MODIFIED}, {"no_etag", PROXIED_NO_ETAG},
    {"auth", PROXIED_AUTH}, {"any", PROXIED_ANY}, {NULL, 0}};

#define F(member) FIELD(struct gzip_ok_conf, member)

static const struct directive directives[] = {
    {.name = "gzip_vary", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(vary), .initial = "off",
     .doc = "Say \"Vary: Accept-Encoding\" where gzip or gzip_static might apply."},
    {.name = "gzip_http_version", .where = IN_WEB, .args = "1.0|1.1", .value = VALUE_ENUM,
     .words = version_words, .field = F(http_version), .initial = "1.1",
     .doc = "The least version of HTTP that gets gzip."},
    {.name = "gzip_proxied", .where = IN_WEB,
     .args = "off|expired|no-cache|no-store|private|no_last_modified|no_etag|auth|any...",
     .value = VALUE_BITS, .words = proxied_words, .field = F(proxied), .initial = "off",
     .doc = "Which answers to requests that came through a proxy may be compressed."},
    {.name = "gzip_disable", .where = IN_WEB, .args = "regex ...", .apply = set_disable,
     .field = F(disabled), .repeat = true,
     .doc = "No gzip for these user agents. \"msie6\" is Internet Explorer 4 to 6."},
};

/* At run time ---------------------------------------------------------------------------------- */

/* RFC 9110, 12.4.2: is the weight above 0? */
static bool has_weight(struct str parameters)
{
    while (parameters.data != NULL) {
        struct str value = str_trim(str_cut(&parameters, ';'));

        if (!str_starts_nocase(value, STR("q=")))
            continue;
        for (size_t i = 2; i < value.len; i++) {
            if (value.data[i] >= '1' && value.data[i] <= '9')
                return true;
        }
        return false;
    }
    return true;
}

static bool accepts_gzip(struct str accepted)
{
    struct str item;

    while (field_list_next(&accepted, &item)) {
        struct str coding = str_trim(str_cut(&item, ';'));

        if (str_eq_nocase(coding, STR("gzip")))
            return has_weight(item);
    }
    return false;
}

static bool is_old_msie(struct str agent)
{
    ssize_t at = str_search(agent, STR("MSIE "));
    size_t digit = (size_t)at + 5;

    if (at < 0 || digit + 1 >= agent.len || agent.data[digit + 1] != '.')
        return false;
    if (agent.data[digit] == '6')
        return str_search(agent, STR("SV1")) < 0;
    return agent.data[digit] == '4' || agent.data[digit] == '5';
}

static bool is_disabled(const struct gzip_ok_conf *conf, struct str agent)
{
    if (agent.data == NULL)
        return false;
    if (conf->disable_msie6 && is_old_msie(agent))
        return true;
    for (const struct disabled *d = conf->disabled; d != NULL; d = d->next) {
        if (regex_match(d->agents, agent) > 0)
            return true;
    }
    return false;
}

static bool is_expired(struct request *r, struct str expires)
{
    struct str date = representation_field(r, FIELD_DATE);
    int64_t end, now = (int64_t)clock_wall_s();

    if (!http_date_parse(expires, &end) || (date.data != NULL && !http_date_parse(date, &now)))
        return false;
    return end < now;
}

static bool says(const struct request *r, struct str word)
{
    EACH_FIELD (f, r->out.fields) {
        if (f->id == FIELD_CACHE_CONTROL && !(f->flags & FIELD_DELETED) &&
            field_list_has(f->value, word))
            return true;
    }
    return false;
}

static bool may_pass_proxies(struct request *r, int64_t proxied)
{
    struct str expires = representation_field(r, FIELD_EXPIRES);

    if (proxied & PROXIED_OFF)
        return false;
    if ((proxied & PROXIED_ANY) ||
        ((proxied & PROXIED_AUTH) && fields_has(r->fields, FIELD_AUTHORIZATION)))
        return true;
    if (expires.data != NULL)
        return (proxied & PROXIED_EXPIRED) && is_expired(r, expires);
    if (representation_field(r, FIELD_CACHE_CONTROL).data != NULL)
        return ((proxied & PROXIED_NO_CACHE) && says(r, STR("no-cache"))) ||
               ((proxied & PROXIED_NO_STORE) && says(r, STR("no-store"))) ||
               ((proxied & PROXIED_PRIVATE) && says(r, STR("private")));
    return !((proxied & PROXIED_NO_LAST_MODIFIED) &&
             representation_field(r, FIELD_LAST_MODIFIED).data != NULL) &&
           !((proxied & PROXIED_NO_ETAG) && representation_field(r, FIELD_ETAG).data != NULL);
}

bool gzip_ok(struct request *r)
{
    const struct gzip_ok_conf *conf = REQUEST_CONF(r, gzip_ok_index, struct gzip_ok_conf);

    return r == r->main && r->version >= conf->http_version &&
           accepts_gzip(fields_value(r->fields, FIELD_ACCEPT_ENCODING)) &&
           (!fields_has(r->fields, FIELD_VIA) || may_pass_proxies(r, conf->proxied)) &&
           !is_disabled(conf, fields_value(r->fields, FIELD_USER_AGENT));
}

bool gzip_ok_says_vary(const struct request *r)
{
    return REQUEST_CONF(r, gzip_ok_index, struct gzip_ok_conf)->vary;
}

void gzip_ok_varies(struct request *r)
{
    struct gzip_ok_ctx *ctx = request_ctx(r, gzip_ok_index, sizeof(*ctx));

    ctx->varies = true;
}

/* Behind gzip in the list: whoever called gzip_ok_varies has done so. */
static void add_vary(struct request *r)
{
    struct gzip_ok_ctx *ctx = request_ctx_find(r, gzip_ok_index);

    if (ctx == NULL || !ctx->varies || !gzip_ok_says_vary(r))
        return;
    ctx->varies = false;
    request_add_field(r, STR("Vary"), STR("Accept-Encoding"), FIELD_VARY);
}

const struct module gzip_ok_module = {
    .name = "gzip_ok",
    .doc = "Who may be sent gzip.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct gzip_ok_conf),
    .filter = add_vary, .index = &gzip_ok_index,
};
