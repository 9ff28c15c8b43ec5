/*
 * worker/proxy/proxy_rewrite.c - rules that change Location, Refresh and Set-Cookie.
 */
#include "worker/proxy/proxy_rewrite.h"

#include "common/generation.h"
#include "worker/net/scope_regex.h"

/* proxy_cookie_flags: what is added to (+1) or taken from (-1) a cookie. */
struct cookie_rule {
    struct template *name;     /* NULL: every cookie, or `regex` */
    struct scope_regex *regex;
    int8_t secure, httponly;
    struct str samesite;       /* "Strict"; "-": taken away; empty: as it is */
};

/* Loading -------------------------------------------------------------------------------------- */

static struct template *compile(struct conf_call *call, uint32_t arg, struct str text)
{
    const char *why;
    struct template *t = template_compile(call->pool, &call->gen->http_vars, text, &why);

    if (t == NULL)
        conf_fail_arg(call, arg, "%s", why);
    return t;
}

/* "text", "~regex", "~*regex". */
static bool load_pattern(struct conf_call *call, uint32_t arg, bool always_nocase,
                         struct template **text, struct scope_regex **regex)
{
    struct str pattern = conf_arg(call, arg);
    bool nocase;

    if (!str_starts(pattern, STR("~")))
        return (*text = compile(call, arg, pattern)) != NULL;
    nocase = str_starts(pattern, STR("~*"));
    *regex = scope_regex_load(call, arg, str_from(pattern, nocase ? 2 : 1),
                              nocase || always_nocase);
    return *regex != NULL;
}

static bool add_rule(struct conf_call *call, struct array **list, bool always_nocase)
{
    struct rewrite_rule *rule = array_push(origin_list(call, list, sizeof(*rule)));

    return load_pattern(call, 0, always_nocase, &rule->from, &rule->regex) &&
           (rule->to = compile(call, 1, conf_arg(call, 1))) != NULL;
}

/* "off" alone: an empty list. */
static bool only_off(struct conf_call *call, struct array **list, size_t item_bytes)
{
    if (call->count > 1 || !str_eq(conf_arg(call, 0), STR("off")))
        return false;
    origin_list(call, list, item_bytes);
    return true;
}

static bool bad_value(struct conf_call *call, uint32_t arg)
{
    return conf_fail_arg(call, arg, "invalid parameter \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, arg)));
}

bool proxy_redirect_load(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    if (only_off(call, &conf->redirects, sizeof(struct rewrite_rule)))
        return true;
    if (call->count == 1 && str_eq(conf_arg(call, 0), STR("default"))) {
        if (conf->origin.pass != NULL && conf->origin.pass->url != NULL)
            return conf_fail(call, "\"proxy_redirect default\" cannot be used with a "
                                   "\"proxy_pass\" that has variables");
        array_push(origin_list(call, &conf->redirects, sizeof(struct rewrite_rule)));
        return true;
    }
    return call->count == 2 ? add_rule(call, &conf->redirects, false) : bad_value(call, 0);
}

bool proxy_cookie_domain_load(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    if (only_off(call, &conf->cookie_domains, sizeof(struct rewrite_rule)))
        return true;
    return call->count == 2 ? add_rule(call, &conf->cookie_domains, true) : bad_value(call, 0);
}

bool proxy_cookie_path_load(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    if (only_off(call, &conf->cookie_paths, sizeof(struct rewrite_rule)))
        return true;
    return call->count == 2 ? add_rule(call, &conf->cookie_paths, false) : bad_value(call, 0);
}

static bool read_flag(struct conf_call *call, uint32_t arg, struct cookie_rule *rule)
{
    static const struct {
        struct str word;
        int8_t secure, httponly;
        struct str samesite;
    } flags[] = {
        {STR_INIT("secure"), 1, 0, {NULL, 0}},
        {STR_INIT("nosecure"), -1, 0, {NULL, 0}},
        {STR_INIT("httponly"), 0, 1, {NULL, 0}},
        {STR_INIT("nohttponly"), 0, -1, {NULL, 0}},
        {STR_INIT("samesite=strict"), 0, 0, STR_INIT("Strict")},
        {STR_INIT("samesite=lax"), 0, 0, STR_INIT("Lax")},
        {STR_INIT("samesite=none"), 0, 0, STR_INIT("None")},
        {STR_INIT("nosamesite"), 0, 0, STR_INIT("-")},
    };

    for (size_t i = 0; i < COUNT(flags); i++) {
        if (!str_eq_nocase(conf_arg(call, arg), flags[i].word))
            continue;
        if (flags[i].secure != 0)
            rule->secure = flags[i].secure;
        if (flags[i].httponly != 0)
            rule->httponly = flags[i].httponly;
        if (flags[i].samesite.len > 0)
            rule->samesite = flags[i].samesite;
        return true;
    }
    return bad_value(call, arg);
}

bool proxy_cookie_flags_load(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;
    struct cookie_rule *rule;

    if (only_off(call, &conf->cookie_flags, sizeof(*rule)))
        return true;
    if (call->count == 1)
        return bad_value(call, 0);
    rule = array_push(origin_list(call, &conf->cookie_flags, sizeof(*rule)));
    if (!load_pattern(call, 0, true, &rule->name, &rule->regex))
        return false;
    for (uint32_t i = 1; i < call->count; i++)
        if (!read_flag(call, i, rule))
            return false;
    return true;
}

/* Applying ------------------------------------------------------------------------------------- */

static struct str join(struct request *r, struct str a, struct str b)
{
    return pool_printf(request_pool(r), "%" STR_FMT "%" STR_FMT, STR_ARG(a), STR_ARG(b));
}

/* What `default` replaces, and by what. */
static bool default_rule(const struct proxy_run *run, struct str *from, struct str *to)
{
    const struct proxy_pass *target = run->target;

    if (target->url != NULL)
        return false;
    *from = target->base;
    *to = target->uri.len > 0 ? target->location->name : STR("/");
    return true;
}

static bool apply_redirect(struct proxy_run *run, const struct rewrite_rule *rule,
                           struct str value, struct str *out)
{
    struct request *r = run->r;
    struct str from, to;

    if (rule->regex != NULL) {
        if (!scope_regex_match(&r->scope, rule->regex, value))
            return false;
        *out = scope_eval(&r->scope, rule->to);
        return true;
    }
    if (rule->from == NULL) {
        if (!default_rule(run, &from, &to))
            return false;
    } else {
        from = scope_eval(&r->scope, rule->from);
        to = STR_NONE;
    }
    if (!str_starts(value, from))
        return false;
    if (rule->from != NULL)
        to = scope_eval(&r->scope, rule->to);
    *out = join(r, to, str_from(value, from.len));
    return true;
}

bool proxy_redirect_rewrite(struct proxy_run *run, struct str value, struct str *out)
{
    static const struct rewrite_rule by_default;

    if (run->http->redirects == NULL)
        return apply_redirect(run, &by_default, value, out);
    EACH (struct rewrite_rule, rule, run->http->redirects)
        if (apply_redirect(run, rule, value, out))
            return true;
    return false;
}

/* Cookies -------------------------------------------------------------------------------------- */

static bool rewrite_domain(struct proxy_run *run, struct str value, struct str *out)
{
    struct request *r = run->r;
    struct str bare = str_starts(value, STR(".")) ? str_from(value, 1) : value, from;

    EACH (struct rewrite_rule, rule, run->http->cookie_domains) {
        if (rule->regex != NULL) {
            if (!scope_regex_match(&r->scope, rule->regex, bare))
                continue;
        } else {
            from = scope_eval(&r->scope, rule->from);
            if (str_starts(from, STR(".")))
                from = str_from(from, 1);
            if (!str_eq_nocase(bare, from))
                continue;
        }
        *out = scope_eval(&r->scope, rule->to);
        return true;
    }
    return false;
}

static bool rewrite_path(struct proxy_run *run, struct str value, struct str *out)
{
    EACH (struct rewrite_rule, rule, run->http->cookie_paths)
        if (apply_redirect(run, rule, value, out))
            return true;
    return false;
}

static struct str attribute(struct request *r, struct str cookie, struct str name, struct str value)
{
    if (value.data == NULL)
        return pool_printf(request_pool(r), "%" STR_FMT "; %" STR_FMT, STR_ARG(cookie),
                           STR_ARG(name));
    return pool_printf(request_pool(r), "%" STR_FMT "; %" STR_FMT "=%" STR_FMT, STR_ARG(cookie),
                       STR_ARG(name), STR_ARG(value));
}

static const struct cookie_rule *find_flags(struct proxy_run *run, struct str name)
{
    struct request *r = run->r;

    if (run->http->cookie_flags == NULL)
        return NULL;
    EACH (struct cookie_rule, rule, run->http->cookie_flags) {
        if (rule->regex != NULL ? scope_regex_match(&r->scope, rule->regex, name)
                                : str_eq_nocase(scope_eval(&r->scope, rule->name), name))
            return rule;
    }
    return NULL;
}

/* True when the rules drop this attribute (those they set are added at the end). */
static bool flag_is_dropped(const struct cookie_rule *rule, struct str name)
{
    if (rule == NULL)
        return false;
    if (str_eq_nocase(name, STR("secure")))
        return rule->secure != 0;
    if (str_eq_nocase(name, STR("httponly")))
        return rule->httponly != 0;
    return str_eq_nocase(name, STR("samesite")) && rule->samesite.len > 0;
}

static struct str rewritten(struct proxy_run *run, struct str name, struct str value)
{
    const struct proxy_conf *conf = run->http;
    struct str out;

    if (conf->cookie_domains != NULL && str_eq_nocase(name, STR("domain")) &&
        rewrite_domain(run, value, &out))
        return out;
    if (conf->cookie_paths != NULL && str_eq_nocase(name, STR("path")) &&
        rewrite_path(run, value, &out))
        return out;
    return value;
}

static struct str add_flags(struct request *r, const struct cookie_rule *rule, struct str cookie)
{
    if (rule->secure > 0)
        cookie = attribute(r, cookie, STR("Secure"), STR_NONE);
    if (rule->httponly > 0)
        cookie = attribute(r, cookie, STR("HttpOnly"), STR_NONE);
    if (rule->samesite.len > 0 && !str_eq(rule->samesite, STR("-")))
        cookie = attribute(r, cookie, STR("SameSite"), rule->samesite);
    return cookie;
}

struct str proxy_cookie_rewrite(struct proxy_run *run, struct str value)
{
    const struct proxy_conf *conf = run->http;
    struct str rest = value, cookie, part;
    const struct cookie_rule *flags;
    ssize_t equals;

    if (conf->cookie_domains == NULL && conf->cookie_paths == NULL && conf->cookie_flags == NULL)
        return value;
    cookie = str_trim(str_cut(&rest, ';'));
    equals = str_find(cookie, '=');
    flags = find_flags(run, (struct str){cookie.data, equals < 0 ? cookie.len : (size_t)equals});
    while (rest.data != NULL) {
        struct str name;

        part = str_trim(str_cut(&rest, ';'));
        equals = str_find(part, '=');
        name = (struct str){part.data, equals < 0 ? part.len : (size_t)equals};
        if (part.len == 0 || flag_is_dropped(flags, name))
            continue;
        cookie = attribute(run->r, cookie, name,
                           equals < 0 ? STR_NONE
                                      : rewritten(run, name, str_from(part, (size_t)equals + 1)));
    }
    return flags != NULL ? add_flags(run->r, flags, cookie) : cookie;
}
