/*
 * worker/proxy/proxy_rewrite.c - rules that change Location, Refresh and Set-Cookie.
 */
#include "worker/proxy/proxy_rewrite.h"

#include "common/generation.h"
#include "worker/net/scope_regex.h"

#define FLAGS 3 /* kinds of flags: as many may be named */

/* What is added to (+1) or taken from (-1) a cookie. */
struct cookie_flags {
    int8_t secure, httponly;
    struct str samesite;       /* "Strict"; "-": taken away; empty: as it is */
};

/* proxy_cookie_flags */
struct cookie_rule {
    struct template *name;     /* NULL: `regex` */
    struct scope_regex *regex;
    const struct template *flags[FLAGS]; /* words, or variables; the last that counts is obeyed */
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

/* False: no such flag. */
static bool take_flag(struct cookie_flags *to, struct str word)
{
    static const struct {
        struct str word;
        struct cookie_flags flags;
    } known[] = {
        {STR_INIT("secure"), {.secure = 1}},
        {STR_INIT("nosecure"), {.secure = -1}},
        {STR_INIT("httponly"), {.httponly = 1}},
        {STR_INIT("nohttponly"), {.httponly = -1}},
        {STR_INIT("samesite=strict"), {.samesite = STR_INIT("Strict")}},
        {STR_INIT("samesite=lax"), {.samesite = STR_INIT("Lax")}},
        {STR_INIT("samesite=none"), {.samesite = STR_INIT("None")}},
        {STR_INIT("nosamesite"), {.samesite = STR_INIT("-")}},
    };

    for (size_t i = 0; i < COUNT(known); i++) {
        const struct cookie_flags *flags = &known[i].flags;

        if (!str_eq_nocase(word, known[i].word))
            continue;
        if (flags->secure != 0)
            to->secure = flags->secure;
        if (flags->httponly != 0)
            to->httponly = flags->httponly;
        if (flags->samesite.len > 0)
            to->samesite = flags->samesite;
        return true;
    }
    return false;
}

static bool read_flag(struct conf_call *call, uint32_t arg, struct cookie_rule *rule)
{
    struct template *word = compile(call, arg, conf_arg(call, arg));
    struct cookie_flags flags;

    if (word == NULL)
        return false;
    rule->flags[arg - 1] = word;
    return !word->constant || take_flag(&flags, word->source) || bad_value(call, arg);
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

static struct str without_dot(struct str domain)
{
    return str_starts(domain, STR(".")) ? str_from(domain, 1) : domain;
}

/* A dot before a domain stays as it was; patterns see it. */
static bool rewrite_domain(struct proxy_run *run, struct str value, struct str *out)
{
    struct request *r = run->r;
    struct str bare = without_dot(value), dot = {value.data, value.len - bare.len};

    EACH (struct rewrite_rule, rule, run->http->cookie_domains) {
        if (rule->regex != NULL) {
            if (!scope_regex_match(&r->scope, rule->regex, value))
                continue;
            *out = scope_eval(&r->scope, rule->to);
            return true;
        }
        if (str_eq_nocase(bare, without_dot(scope_eval(&r->scope, rule->from)))) {
            *out = join(r, dot, without_dot(scope_eval(&r->scope, rule->to)));
            return true;
        }
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

/* A cookie as it is made anew. */
struct cookie_edit {
    struct proxy_run *run;
    bool by_rule;              /* one of proxy_cookie_flags is for it */
    struct cookie_flags flags;
    struct str text;
    bool changed, has_secure, has_httponly, has_samesite;
};

/* The rule for a cookie of that name; what it says of flags now. */
static void find_flags(struct cookie_edit *e, struct str name)
{
    struct scope *scope = &e->run->r->scope;

    if (e->run->http->cookie_flags == NULL)
        return;
    EACH (struct cookie_rule, rule, e->run->http->cookie_flags) {
        if (rule->regex != NULL ? !scope_regex_match(scope, rule->regex, name)
                                : !str_eq_nocase(scope_eval(scope, rule->name), name))
            continue;
        e->by_rule = true;
        for (size_t i = 0; i < FLAGS && rule->flags[i] != NULL; i++) {
            struct str word = scope_eval(scope, rule->flags[i]);

            if (word.len > 0 && !take_flag(&e->flags, word))
                log_error(&e->run->r->log, LOG_INFO, 0,
                          "invalid proxy_cookie_flags flag \"%" STR_FMT "\"", STR_ARG(word));
        }
        return;
    }
}

static void add_attribute(struct cookie_edit *e, struct str name, struct str value)
{
    e->text = pool_printf(request_pool(e->run->r), "%" STR_FMT "; %" STR_FMT "%s%" STR_FMT,
                          STR_ARG(e->text), STR_ARG(name), value.data != NULL ? "=" : "",
                          STR_ARG(value));
}

/* Is the attribute a flag that is to go? Its value may be another. */
static bool flag_goes(struct cookie_edit *e, struct str *name, struct str *value)
{
    const struct cookie_flags *flags = &e->flags;

    if (str_eq_nocase(*name, STR("secure"))) {
        e->has_secure = true;
        return flags->secure < 0;
    }
    if (str_eq_nocase(*name, STR("httponly"))) {
        e->has_httponly = true;
        return flags->httponly < 0;
    }
    if (!str_eq_nocase(*name, STR("samesite")) || flags->samesite.len == 0)
        return false;
    e->has_samesite = true;
    *name = STR("SameSite");
    *value = flags->samesite;
    return str_eq(flags->samesite, STR("-"));
}

static void edit_attribute(struct cookie_edit *e, struct str part)
{
    const struct proxy_conf *conf = e->run->http;
    ssize_t equals = str_find(part, '=');
    struct str name = {part.data, equals < 0 ? part.len : (size_t)equals}, value = STR_NONE;

    if (equals >= 0)
        value = str_from(part, (size_t)equals + 1);
    if (part.len == 0)
        return;
    if (flag_goes(e, &name, &value))
        return;
    if (equals >= 0 && conf->cookie_domains != NULL && str_eq_nocase(name, STR("domain")))
        e->changed |= rewrite_domain(e->run, value, &value);
    if (equals >= 0 && conf->cookie_paths != NULL && str_eq_nocase(name, STR("path")))
        e->changed |= rewrite_path(e->run, value, &value);
    add_attribute(e, name, value);
}

static void add_flag(struct cookie_edit *e, bool wanted, struct str name, struct str value)
{
    if (wanted)
        add_attribute(e, name, value);
}

static void add_flags(struct cookie_edit *e)
{
    const struct cookie_flags *flags = &e->flags;

    add_flag(e, flags->secure > 0 && !e->has_secure, STR("Secure"), STR_NONE);
    add_flag(e, flags->httponly > 0 && !e->has_httponly, STR("HttpOnly"), STR_NONE);
    add_flag(e, flags->samesite.len > 0 && !str_eq(flags->samesite, STR("-")) && !e->has_samesite,
             STR("SameSite"), flags->samesite);
}

struct str proxy_cookie_rewrite(struct proxy_run *run, struct str value)
{
    const struct proxy_conf *conf = run->http;
    struct cookie_edit e = {.run = run};
    struct str rest = value;
    ssize_t equals;

    if (conf->cookie_domains == NULL && conf->cookie_paths == NULL && conf->cookie_flags == NULL)
        return value;
    e.text = str_trim(str_cut(&rest, ';'));
    equals = str_find(e.text, '=');
    if (equals < 0)
        return value;
    find_flags(&e, (struct str){e.text.data, (size_t)equals});
    while (rest.data != NULL)
        edit_attribute(&e, str_trim(str_cut(&rest, ';')));
    add_flags(&e);
    return e.changed || e.by_rule ? e.text : value;
}
