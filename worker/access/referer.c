/*
 * worker/access/referer.c - which pages may link here: valid_referers.
 */
#include "worker/access/referer.h"

#include "worker/http/http_block.h"
#include "worker/net/scope_regex.h"
#include "worker/vars/host_table.h"

#define HOST_MOST  255
#define URL_LEAST  11   /* "http://i.ru": what is shorter names no host */

static uint32_t referer_index;

/* A page, or all of a host. */
struct page {
    struct str path;        /* a prefix of the path; empty: any */
    struct str text;
    const struct conf_node *node;
};

struct referers {
    struct host_table hosts;    /* struct page * */
    struct scope_regex_set regexes;      /* of what follows the scheme */
    struct scope_regex_set host_regexes; /* names of servers */
    size_t count;               /* of all these */
    bool none, blocked, server_names;
    bool built;
};

struct referer_conf {
    struct referers *referers;
    int64_t ignored_size;
};

/* Configuration -------------------------------------------------------------------------------- */

static struct referers *new_referers(struct pool *pool)
{
    struct referers *set = pool_zalloc(pool, sizeof(*set));

    host_table_init(&set->hosts, pool);
    scope_regex_set_init(&set->regexes, pool);
    scope_regex_set_init(&set->host_regexes, pool);
    return set;
}

static bool add_page(struct conf_call *call, struct referers *set, struct str text)
{
    struct page *page = pool_zalloc(call->pool, sizeof(*page));
    ssize_t slash = str_find(text, '/');
    struct str host = slash < 0 ? text : (struct str){text.data, (size_t)slash};

    page->text = text;
    page->node = call->node;
    if (slash >= 0)
        page->path = str_from(text, (size_t)slash);
    set->count++;
    return host_table_add(&set->hosts, host, page) ||
           conf_fail(call, "invalid hostname or wildcard \"%" STR_FMT "\"", STR_ARG(text));
}

static bool add_regex(struct conf_call *call, struct referers *set, uint32_t arg)
{
    struct scope_regex *regex = scope_regex_load(call, arg, str_from(conf_arg(call, arg), 1), true);

    if (regex == NULL)
        return false;
    scope_regex_set_add(&set->regexes, regex);
    set->count++;
    return true;
}

static bool add_word(struct conf_call *call, struct referers *set, uint32_t arg)
{
    struct str word = conf_arg(call, arg);

    if (word.len == 0)
        return conf_fail_arg(call, arg, "invalid referer \"\"");
    if (str_eq(word, STR("none")))
        set->none = true;
    else if (str_eq(word, STR("blocked")))
        set->blocked = true;
    else if (str_eq(word, STR("server_names")))
        set->server_names = true;
    else if (word.data[0] == '~')
        return add_regex(call, set, arg);
    else
        return add_page(call, set, word);
    return true;
}

static bool set_referers(struct conf_call *call)
{
    struct referer_conf *conf = call->conf;

    if (conf->referers == NULL)
        conf->referers = new_referers(call->pool);
    for (uint32_t i = 0; i < call->count; i++) {
        if (!add_word(call, conf->referers, i))
            return false;
    }
    return true;
}

static bool add_server_names(struct conf_call *call, struct referers *set)
{
    EACH (const struct server_name, name, &http_block_server(call->scope)->names) {
        if (name->regex == NULL) {
            if (name->text.len > 0 && !add_page(call, set, name->text))
                return false;
            continue;
        }
        scope_regex_set_add(&set->host_regexes, name->regex);
        set->count++;
    }
    return true;
}

/* The server's names are all known when its own directives are. */
static bool scope_done(struct conf_call *call)
{
    struct referers *set = ((struct referer_conf *)call->conf)->referers;
    const struct page *twice;

    if (set == NULL || set->built)
        return true;
    set->built = true;
    if (set->server_names && !add_server_names(call, set))
        return false;
    if (set->count == 0 && !set->server_names && (set->none || set->blocked))
        return conf_fail(call, "the \"none\" or \"blocked\" referers are specified in the "
                               "\"valid_referers\" directive without any valid referer");
    scope_regex_set_build(&set->regexes);
    scope_regex_set_build(&set->host_regexes);
    twice = host_table_build(&set->hosts, call->pool);
    return twice == NULL || conf_fail_at(call->gen, twice->node, "conflicting parameter \"%" STR_FMT
                                         "\"", STR_ARG(twice->text));
}

#define SIZE_ROW(text)                                                                             \
    {.name = text, .where = IN_SERVER | IN_LOCATION, .args = "size", .value = VALUE_INT,          \
     .field = FIELD(struct referer_conf, ignored_size), .notice = "tables size themselves",        \
     .doc = "Accepted for compatibility: tables size themselves."}

static const struct directive directives[] = {
    {.name = "valid_referers", .where = IN_SERVER | IN_LOCATION,
     .args = "none|blocked|server_names|string ...", .apply = set_referers, .repeat = true,
     .field = FIELD(struct referer_conf, referers),
     .doc = "Which values of Referer leave $invalid_referer empty: none at all, one without a "
            "scheme (blocked), our own names, hosts with wildcards and paths, regexes (~)."},
    SIZE_ROW("referer_hash_max_size"),
    SIZE_ROW("referer_hash_bucket_size"),
};

/* At run time ---------------------------------------------------------------------------------- */

/* `rest` is what follows the scheme. */
static bool is_known(struct scope *scope, const struct referers *set, struct str rest)
{
    struct str host = rest, path;
    const struct page *page;

    host.len = 0;
    while (host.len < rest.len && rest.data[host.len] != '/' && rest.data[host.len] != ':')
        host.len++;
    if (host.len > HOST_MOST)
        return false;
    page = host_table_find(&set->hosts, host);
    if (page == NULL)
        return scope_regex_set_match(scope, &set->host_regexes, host) >= 0 ||
               scope_regex_set_match(scope, &set->regexes, rest) >= 0;
    path = str_from(rest, host.len);
    while (path.len > 0 && path.data[0] != '/')
        path = str_from(path, 1);
    return str_starts(path, page->path);
}

static bool is_valid(struct scope *scope, const struct referers *set)
{
    const struct request *r = CONTAINER(scope, struct request, scope);
    struct str referer = fields_value(r->fields, FIELD_REFERER);

    if (set == NULL)
        return true;
    if (referer.data == NULL)
        return set->none;
    if (referer.len >= URL_LEAST && str_starts_nocase(referer, STR("http://")))
        return is_known(scope, set, str_from(referer, 7));
    if (referer.len >= URL_LEAST && str_starts_nocase(referer, STR("https://")))
        return is_known(scope, set, str_from(referer, 8));
    return set->blocked;
}

static void get_invalid(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct referer_conf *conf = scope->conf[referer_index];

    var_found(out, is_valid(scope, conf->referers) ? STR("") : STR("1"));
}

static const struct var_def variables[] = {
    {.name = "invalid_referer", .get = get_invalid, .flags = VAR_CHANGEABLE | VAR_NO_CACHE},
};

const struct module referer_module = {
    .name = "referer", .nginx_name = "http_referer_module",
    .doc = "Which pages may link here.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct referer_conf),
    .variables = TABLE(variables), .scope_done = scope_done, .index = &referer_index,
};
