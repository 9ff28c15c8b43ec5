/*
 * worker/filter/charset.c - the charset that Content-Type names.
 *
 * Named, not converted: bodies stay as they are.
 */
#include "worker/filter/charset.h"

#include "worker/http/request.h"
#include "worker/http/type_set.h"
#include "worker/net/scope_conf.h"

static uint32_t charset_index;

struct charset_conf {
    struct template *charset;   /* "off": none */
    struct type_set *types;
};

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct charset_conf *)call->conf)->types);
}

#define F(member) FIELD(struct charset_conf, member)

static const struct directive directives[] = {
    {.name = "charset", .where = IN_WEB_IF, .args = "charset|off", .value = VALUE_TEMPLATE,
     .field = F(charset), .initial = "off", .doc = "The charset to name in Content-Type."},
    {.name = "charset_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .initial = "text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
     .doc = "Types that `charset` is for, beside text/html; * is any."},
};

/* A type that came with parameters of its own is left alone. */
static void filter(struct request *r)
{
    const struct charset_conf *conf = REQUEST_CONF(r, charset_index, struct charset_conf);
    struct response *out = &r->out;

    if ((conf->charset->constant && str_eq(conf->charset->source, STR("off"))) || r != r->main ||
        out->charset.len > 0 || out->status == 301 || out->status == 302 ||
        str_find(out->type, ';') >= 0 || out->type.len == 0 ||
        !type_set_has(conf->types, out->type))
        return;
    out->charset = scope_eval(&r->scope, conf->charset);
}

const struct module charset_module = {
    .name = "charset", .nginx_name = "http_charset_module",
    .doc = "The charset that Content-Type names.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct charset_conf),
    .filter = filter, .index = &charset_index,
};
