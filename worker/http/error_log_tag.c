/*
 * worker/http/error_log_tag.c - what the configuration adds to the lines of error logs.
 *
 * A value is computed in the middle of whatever has something to log, so it must leave no trace
 * (captures), and what it logs itself gets no tags.
 */
#include "worker/http/error_log_tag.h"

#include "common/conf_load.h"
#include "common/fmt.h"
#include "common/generation.h"

#define NAME_MOST  64
#define VALUE_MOST 512

struct tag {
    struct str name;
    struct template *value;
    struct tag *next;
};

struct error_log_tag_conf {
    struct tag *tags;
};

static uint32_t error_log_tag_index = UINT32_MAX; /* until there is a configuration */

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return name.len > 0 && name.len <= NAME_MOST;
}

static bool set_tag(struct conf_call *call)
{
    struct error_log_tag_conf *conf = call->conf;
    struct tag *tag = pool_zalloc(call->pool, sizeof(*tag)), **last = &conf->tags;
    const char *why;

    tag->name = conf_arg(call, 0);
    if (!is_name(tag->name))
        return conf_fail_arg(call, 0, "invalid tag name \"%" STR_FMT "\"", STR_ARG(tag->name));
    for (; *last != NULL; last = &(*last)->next)
        if (str_eq((*last)->name, tag->name))
            return conf_fail_arg(call, 0, "duplicate tag \"%" STR_FMT "\"", STR_ARG(tag->name));
    *last = tag;
    tag->value = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 1), &why);
    return tag->value != NULL || conf_fail_arg(call, 1, "%s", why);
}

static char *print(char *out, const struct tag *tag, struct str value)
{
    out = FMT_LIT(out, ", ");
    out = fmt_str(out, tag->name);
    out = FMT_LIT(out, ": \"");
    out += log_escape(out, VALUE_MOST, value);
    *out++ = '"';
    return out;
}

size_t error_log_tags(struct request *r, char *out, size_t room)
{
    static bool busy;
    const struct error_log_tag_conf *conf;
    struct scope *s = &r->scope, kept = r->scope;
    char *pos = out;

    if (busy || s->conf == NULL || error_log_tag_index == UINT32_MAX)
        return 0;
    conf = REQUEST_CONF(r, error_log_tag_index, struct error_log_tag_conf);
    busy = true;
    for (const struct tag *tag = conf->tags; tag != NULL; tag = tag->next) {
        struct str value = scope_eval(s, tag->value);

        if (value.len > 0 && room - (size_t)(pos - out) >= NAME_MOST + VALUE_MOST + 6)
            pos = print(pos, tag, value);
    }
    busy = false;
    s->capture_text = kept.capture_text;
    s->captures = kept.captures;
    s->capture_count = kept.capture_count;
    return (size_t)(pos - out);
}

static const struct directive directives[] = {
    {.name = "error_log_tag", .where = IN_WEB, .args = "name value", .apply = set_tag,
     .repeat = true, .field = FIELD(struct error_log_tag_conf, tags),
     .doc = "Adds a name and a value, which may have variables, to what error logs say of a "
            "request; in a JSON log it is a member. An empty value is left out. Replaces those of "
            "the enclosing level."},
};

const struct module error_log_tag_module = {
    .name = "error_log_tag",
    .doc = "What the configuration adds to the lines of error logs.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct error_log_tag_conf),
    .index = &error_log_tag_index,
};
