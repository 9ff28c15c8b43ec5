/*
 * worker/http/coding.c - which content codings a client may be sent.
 *
 * A request with Via came through a proxy, which might hand the compressed answer to others: for
 * those gzip_proxied decides by what the response says of caching.
 */
#include "worker/http/coding.h"

#include "common/clock.h"
#include "common/conf_load.h"
#include "common/regex.h"
#include "worker/codec/http_date.h"
#include "worker/http/representation.h"
#include "worker/http/user_agent.h"

static uint32_t coding_index;

enum {
    PROXIED_OFF = 1, PROXIED_EXPIRED = 2, PROXIED_NO_CACHE = 4, PROXIED_NO_STORE = 8,
    PROXIED_PRIVATE = 16, PROXIED_NO_LAST_MODIFIED = 32, PROXIED_NO_ETAG = 64, PROXIED_AUTH = 128,
    PROXIED_ANY = 256
};

struct disabled {
    struct regex *agents;
    struct disabled *next;
};

struct coding_conf {
    bool vary, disable_msie6;
    int64_t http_version;
    int64_t proxied;
    struct disabled *disabled;
};

struct coding_ctx {
    bool varies;
};

/* Configuration -------------------------------------------------------------------------------- */

static bool set_disable(struct conf_call *call)
{
    struct coding_conf *conf = call->conf;
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

#define F(member) FIELD(struct coding_conf, member)

static const struct directive directives[] = {
    {.name = "gzip_vary", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(vary), .initial = "off",
     .doc = "Say \"Vary: Accept-Encoding\" where compression might apply."},
    {.name = "gzip_http_version", .where = IN_WEB, .args = "1.0|1.1", .value = VALUE_ENUM,
     .words = version_words, .field = F(http_version), .initial = "1.1",
     .doc = "The least version of HTTP that gets compressed answers."},
    {.name = "gzip_proxied", .where = IN_WEB,
     .args = "off|expired|no-cache|no-store|private|no_last_modified|no_etag|auth|any...",
     .value = VALUE_BITS, .repeat = true, .words = proxied_words, .field = F(proxied),
     .initial = "off",
     .doc = "Which answers to requests that came through a proxy may be compressed."},
    {.name = "gzip_disable", .where = IN_WEB, .args = "regex ...", .apply = set_disable,
     .field = F(disabled), .repeat = true,
     .doc = "No compression for these user agents. \"msie6\" is Internet Explorer 4 to 6."},
};

/* At run time ---------------------------------------------------------------------------------- */

/* RFC 9110, 12.4.2: "0.25" is 250; what is no weight is 0. */
static int read_weight(struct str text)
{
    int weight, scale = 100;

    if (text.len == 0 || text.len > 5 || text.data[0] < '0' || text.data[0] > '1' ||
        (text.len > 1 && text.data[1] != '.'))
        return 0;
    weight = 1000 * (text.data[0] - '0');
    for (size_t i = 2; i < text.len; i++, scale /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        weight += scale * (text.data[i] - '0');
    }
    return weight <= 1000 ? weight : 0;
}

static int weight_of(struct str parameters)
{
    while (parameters.data != NULL) {
        struct str value = str_trim(str_cut(&parameters, ';'));

        if (str_starts_nocase(value, STR("q=")))
            return read_weight(str_from(value, 2));
    }
    return 1000;
}

static int accepted_weight(struct str accepted, struct str name)
{
    struct str item;

    while (field_list_next(&accepted, &item)) {
        struct str coding = str_trim(str_cut(&item, ';'));

        if (str_eq_nocase(coding, name))
            return weight_of(item);
    }
    return 0;
}

struct str coding_name(enum coding coding)
{
    static const struct str names[CODINGS] = {
        [CODING_GZIP] = STR_INIT("gzip"),
        [CODING_BROTLI] = STR_INIT("br"),
        [CODING_ZSTD] = STR_INIT("zstd"),
    };

    return names[coding];
}

static bool is_disabled(const struct coding_conf *conf, struct str agent)
{
    if (agent.data == NULL)
        return false;
    if (conf->disable_msie6 && user_agent_is_msie6(agent))
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

static bool may_be_sent(struct request *r, const struct coding_conf *conf)
{
    return r == r->main && r->version >= conf->http_version &&
           (!fields_has(r->fields, FIELD_VIA) || may_pass_proxies(r, conf->proxied)) &&
           !is_disabled(conf, fields_value(r->fields, FIELD_USER_AGENT));
}

int coding_weight(struct request *r, enum coding coding)
{
    int weight = accepted_weight(fields_value(r->fields, FIELD_ACCEPT_ENCODING),
                                 coding_name(coding));

    return weight > 0 && may_be_sent(r, REQUEST_CONF(r, coding_index, struct coding_conf))
               ? weight
               : 0;
}

bool coding_says_vary(const struct request *r)
{
    return REQUEST_CONF(r, coding_index, struct coding_conf)->vary;
}

void coding_varies(struct request *r)
{
    struct coding_ctx *ctx = request_ctx(r, coding_index, sizeof(*ctx));

    ctx->varies = true;
}

/* Behind what compresses in the list: whoever called coding_varies has done so. */
static void add_vary(struct request *r)
{
    struct coding_ctx *ctx = request_ctx_find(r, coding_index);

    if (ctx == NULL || !ctx->varies || !coding_says_vary(r))
        return;
    ctx->varies = false;
    request_add_field(r, STR("Vary"), STR("Accept-Encoding"), FIELD_VARY);
}

const struct module coding_module = {
    .name = "coding",
    .doc = "Who may be sent gzip.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct coding_conf),
    .filter = add_vary, .index = &coding_index,
};
