/*
 * worker/filter/charset.c - the charset of responses: the name in Content-Type, and bodies recoded
 * where it is another than that of the content.
 *
 * The charset wanted is that of `charset` (or of X-Accel-Charset). The content's is what its own
 * Content-Type says, or source_charset. A subrequest's body becomes part of the main one and is
 * recoded to what that is in.
 */
#include "worker/filter/charset.h"

#include "common/generation.h"
#include "worker/codec/charset_map.h"
#include "worker/filter/transform.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/server.h"
#include "worker/http/type_set.h"
#include "worker/net/scope_conf.h"

static uint32_t charset_index;

/* What the configuration names, once for http. */
struct charsets {
    struct array maps;          /* struct charset_map */
    struct array names;         /* struct str: whatever `charset` and its like say */
};

struct charset_conf {
    struct template *wanted, *source;   /* "off": none */
    bool override;
    struct type_set *types;
    struct charsets *all;
};

struct recoding {
    struct transform transform;
    struct charset_recoder recoder;
};

/* Configuration -------------------------------------------------------------------------------- */

static struct charsets *all_of(struct conf_call *call)
{
    struct charset_conf *conf = call->conf;

    if (conf->all == NULL) {
        conf->all = pool_zalloc(call->pool, sizeof(*conf->all));
        conf->all->maps = array_of(struct charset_map, call->pool);
        conf->all->names = array_of(struct str, call->pool);
    }
    return conf->all;
}

static bool is_known(const struct charsets *all, struct str name)
{
    EACH (struct str, known, &all->names) {
        if (str_eq_nocase(*known, name))
            return true;
    }
    return false;
}

static void know(struct charsets *all, struct str name)
{
    if (!is_known(all, name))
        *(struct str *)array_push(&all->names) = name;
}

static const struct charset_map *find_map(const struct charsets *all, struct str from,
                                          struct str to, enum charset_way *way)
{
    EACH (struct charset_map, m, &all->maps) {
        *way = str_eq_nocase(m->left, from) ? CHARSET_FORWARD : CHARSET_BACK;
        if (str_eq_nocase(*way == CHARSET_FORWARD ? m->left : m->right, from) &&
            str_eq_nocase(*way == CHARSET_FORWARD ? m->right : m->left, to))
            return m;
    }
    return NULL;
}

static bool fill_map(struct conf_call *call, struct charset_map *m)
{
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next) {
        struct str bad;

        if (line->count != 2 || line->has_block)
            return conf_fail_in(call, line, 0, "invalid parameters number");
        if (!charset_map_add(m, call->pool, line->words[0].text, line->words[1].text, &bad))
            return conf_fail_in(call, line, bad.data == line->words[1].text.data,
                                "invalid value \"%" STR_FMT "\"", STR_ARG(bad));
    }
    return true;
}

static bool set_map(struct conf_call *call)
{
    struct charsets *all = all_of(call);
    struct str left = conf_arg(call, 0), right = conf_arg(call, 1);
    enum charset_way way;
    struct charset_map *m;

    if (str_eq_nocase(left, right))
        return conf_fail(call, "\"charset_map\" between the same charsets \"%" STR_FMT
                               "\" and \"%" STR_FMT "\"", STR_ARG(left), STR_ARG(right));
    if (find_map(all, left, right, &way) != NULL)
        return conf_fail(call, "duplicate \"charset_map\" between \"%" STR_FMT "\" and \"%" STR_FMT
                               "\"", STR_ARG(left), STR_ARG(right));
    know(all, left);
    know(all, right);
    m = array_push(&all->maps);
    charset_map_init(m, call->pool, left, right);
    return fill_map(call, m);
}

/* For `charset` and source_charset, which are stored already. */
static bool note_name(struct conf_call *call)
{
    struct charsets *all = all_of(call);

    if (!template_has_vars(conf_arg(call, 0)))
        know(all, conf_arg(call, 0));
    return true;
}

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct charset_conf *)call->conf)->types);
}

static bool is_off(const struct template *t)
{
    return t->constant && str_eq(t->source, STR("off"));
}

/* Both are constant, and differ, and nothing says how to get from one to the other. */
static bool lacks_map(const struct charset_conf *conf)
{
    enum charset_way way;

    return conf->wanted->constant && conf->source->constant && !is_off(conf->wanted) &&
           !is_off(conf->source) && !str_eq_nocase(conf->wanted->source, conf->source->source) &&
           find_map(conf->all, conf->source->source, conf->wanted->source, &way) == NULL;
}

#define NO_MAP "no \"charset_map\" between the charsets \"%" STR_FMT "\" and \"%" STR_FMT "\""

/* What stands at http itself counts where a server inherits it. */
static bool scope_done(struct conf_call *call)
{
    const struct charset_conf *conf = call->conf;

    return call->scope->kind == IN_HTTP || call->scope->kind == IN_SERVER || !lacks_map(conf) ||
           conf_fail(call, NO_MAP, STR_ARG(conf->source->source), STR_ARG(conf->wanted->source));
}

static bool load_done(struct generation *gen)
{
    const struct http_conf *http = gen->http;
    bool good = true;

    if (http == NULL)
        return true;
    for (const struct http_server *s = http->servers; s != NULL; s = s->next) {
        const struct charset_conf *conf = CONF(s->scope, charset_index, struct charset_conf);

        if (lacks_map(conf))
            good = conf_fail_at(gen, s->node, NO_MAP, STR_ARG(conf->source->source),
                                STR_ARG(conf->wanted->source));
    }
    return good;
}

/* The body ------------------------------------------------------------------------------------- */

static enum transform_step recode(struct transform *t, struct str *in, struct buf *out,
                                  enum transform_wish wish)
{
    struct recoding *recoding = CONTAINER(t, struct recoding, transform);

    return charset_recode(&recoding->recoder, in, out) ? TRANSFORM_DONE : TRANSFORM_FULL;
}

static const struct transform_ops utf8_ops = {.run = recode};
static const struct transform_ops bytes_ops = {.run = recode, .byte_for_byte = true};

static void recode_body(struct request *r, const struct charset_map *map, enum charset_way way)
{
    struct recoding *recoding;

    if (map->utf8)
        r->out.length = -1;
    if (r->out.body == NULL || r->ops->dry)
        return;
    recoding = pool_zalloc(request_pool(r), sizeof(*recoding));
    recoding->recoder = (struct charset_recoder){.map = map, .way = way};
    transform_init(&recoding->transform, r, map->utf8 ? &utf8_ops : &bytes_ops);
}

/* The head ------------------------------------------------------------------------------------- */

/* A Content-Type in its parts: "text/html; charset=koi8-r". */
struct type_parts {
    struct str type;            /* what stands before; all of it if there is no charset */
    struct str charset;         /* to the end, whatever follows; data NULL: none */
};

static struct type_parts parts_of(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        struct str rest, before = {text.data, i};

        if (text.data[i] != ';')
            continue;
        while (i + 1 < text.len && text.data[i + 1] == ' ')
            i++;
        rest = str_from(text, i + 1);
        if (!str_starts_nocase(rest, STR("charset=")))
            continue;
        rest = str_from(rest, 8);
        if (rest.len > 0 && rest.data[0] == '"')
            rest = str_from(rest, 1);
        if (rest.len > 0 && rest.data[rest.len - 1] == '"')
            rest.len--;
        return (struct type_parts){before, rest};
    }
    return (struct type_parts){text, STR_NONE};
}

/* Where the charset of Content-Type may be read and replaced: what the head of an origin says. Our
   own types stay as the configuration gives them. */
static struct type_parts parts_of_response(const struct response *out)
{
    if (out->charset.len > 0)
        return (struct type_parts){out->type, out->charset};
    return out->no_default_type ? parts_of(out->type) : (struct type_parts){out->type, STR_NONE};
}

/* A type with other parameters is none of those listed. */
static bool is_listed(const struct type_set *types, struct str type)
{
    return type_set_has(types, str_find(type, ';') < 0 ? type : STR(""));
}

/* data NULL: the charset is no concern of ours. */
static struct str wanted_by_main(struct request *r, const struct charset_conf *conf,
                                 const struct type_parts *parts)
{
    struct str accel = r->out.override_charset;

    if (r->out.type.len == 0)
        return STR_NONE;
    if (accel.len > 0) {
        if (is_known(conf->all, accel))
            return accel;
        log_error(&r->log, LOG_ERROR, 0, "unknown charset \"%" STR_FMT "\" to override",
                  STR_ARG(accel));
        return STR_NONE;
    }
    if (is_off(conf->wanted))
        return STR_NONE;
    if (parts->charset.len > 0 ? !conf->override : !is_listed(conf->types, parts->type))
        return STR_NONE;
    return scope_eval(&r->scope, conf->wanted);
}

static struct str wanted(struct request *r, const struct charset_conf *conf,
                         const struct type_parts *parts)
{
    if (r == r->main)
        return wanted_by_main(r, conf, parts);
    return r->main->out.charset.len > 0 ? r->main->out.charset : STR_NONE;
}

static struct str source_of(struct request *r, const struct charset_conf *conf,
                            const struct type_parts *parts)
{
    if (parts->charset.len > 0)
        return parts->charset;
    return is_off(conf->source) ? STR_NONE : scope_eval(&r->scope, conf->source);
}

/* Old browsers read the page behind a redirect in the charset of the redirect. */
static void name_charset(struct request *r, const struct type_parts *parts, struct str charset)
{
    if (r != r->main)
        return;
    r->out.type = parts->type;
    r->out.charset = r->out.status == 301 || r->out.status == 302 ? STR_NONE : charset;
}

static void filter(struct request *r)
{
    const struct charset_conf *conf = REQUEST_CONF(r, charset_index, struct charset_conf);
    struct type_parts parts;
    struct str to, from;
    const struct charset_map *map;
    enum charset_way way;

    if (likely(r == r->main && r->out.override_charset.len == 0 && is_off(conf->wanted)))
        return;
    parts = parts_of_response(&r->out);
    to = wanted(r, conf, &parts);
    if (to.data == NULL)
        return;
    from = source_of(r, conf, &parts);
    if (from.data == NULL && parts.type.len < r->out.type.len)
        return; /* "charset=" with nothing behind it stays so */
    if (from.data == NULL || str_eq_nocase(from, to)) {
        name_charset(r, &parts, to);
        return;
    }
    if (representation_is_encoded(r))
        return;
    map = find_map(conf->all, from, to, &way);
    if (map == NULL) {
        log_error(&r->log, LOG_ERROR, 0, NO_MAP, STR_ARG(from), STR_ARG(to));
        return;
    }
    name_charset(r, &parts, to);
    recode_body(r, map, way);
}

#define F(member) FIELD(struct charset_conf, member)

static const struct directive directives[] = {
    {.name = "charset", .where = IN_WEB_IF, .args = "charset|off", .value = VALUE_TEMPLATE,
     .field = F(wanted), .initial = "off", .apply = note_name,
     .doc = "The charset to name in Content-Type, and to recode responses to."},
    {.name = "source_charset", .where = IN_WEB_IF, .args = "charset", .value = VALUE_TEMPLATE,
     .field = F(source), .initial = "off", .apply = note_name,
     .doc = "The charset of responses that name none. If it differs from `charset` they are "
            "recoded."},
    {.name = "override_charset", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
     .field = F(override), .initial = "off",
     .doc = "Recode also what an origin sends with a charset of its own."},
    {.name = "charset_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .initial = "text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
     .doc = "Types that `charset` is for, beside text/html; * is any."},
    {.name = "charset_map", .where = IN_HTTP, .args = "charset1 charset2 { }", .apply = set_map,
     .repeat = true, .raw_block = true,
     .doc = "How to recode between two charsets, both ways: lines of two characters in "
            "hexadecimal, the second one possibly in UTF-8."},
};

const struct module charset_module = {
    .name = "charset", .nginx_name = "http_charset_module",
    .doc = "The charset of responses: named, and converted.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct charset_conf),
    .scope_done = scope_done, .load_done = load_done, .filter = filter, .index = &charset_index,
};
