/*
 * worker/proxy/fastcgi.c - the directives and variables of FastCGI.
 */
#include "worker/proxy/fastcgi.h"

#include "common/regex.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/store.h"

uint32_t fastcgi_index;

static enum verdict pass_on(struct request *r)
{
    return proxy_run_request(r, &proxy_fastcgi);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("fastcgi://")};

    return origin_pass_load(call, &schemes, pass_on);
}

static bool set_split(struct conf_call *call)
{
    struct fastcgi_conf *conf = call->conf;
    struct str pattern = conf_arg(call, 0);
    struct regex_error error;

    conf->split = regex_compile(call->pool, pattern, false, &error);
    if (conf->split == NULL)
        return conf_fail_arg(call, 0, "%s in \"%" STR_FMT "\" at offset %zu", error.text,
                             STR_ARG(pattern), error.offset);
    return conf->split->groups == 3 ||
           conf_fail_arg(call, 0, "pattern \"%" STR_FMT "\" must have 2 captures",
                         STR_ARG(pattern));
}

static bool add_catch(struct conf_call *call)
{
    struct fastcgi_conf *conf = call->conf;
    struct array *list = origin_list(call, &conf->catch_stderr, sizeof(struct str));

    *(struct str *)array_push(list) = conf_arg(call, 0);
    return true;
}

static bool scope_done(struct conf_call *call)
{
    struct fastcgi_conf *conf = call->conf;

    conf->cgi.origin.dial.keepalive = conf->keep_conn;
    cgi_params_finish(call);
    return origin_finish(call, cgi_hidden);
}

#define F(member) FIELD(struct fastcgi_conf, member)

static const struct directive directives[] = {
    {.name = "fastcgi_pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "address",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Passes requests to a FastCGI application: an upstream, host:port or unix:path."},
    CGI_ROWS("fastcgi"),
    {.name = "fastcgi_index", .where = IN_WEB, .args = "name", .value = VALUE_STR,
     .field = F(index), .doc = "Added to $fastcgi_script_name where that ends in a slash."},
    {.name = "fastcgi_split_path_info", .where = IN_WEB, .args = "regex", .field = F(split),
     .apply = set_split,
     .doc = "What $fastcgi_script_name and $fastcgi_path_info are: the pattern's two groups."},
    {.name = "fastcgi_keep_conn", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(keep_conn), .initial = "off",
     .doc = "Ask applications to keep connections open, for later requests. An application may be "
            "able to hold as many as it has processes."},
    {.name = "fastcgi_catch_stderr", .where = IN_WEB, .args = "string", .field = F(catch_stderr),
     .repeat = true, .apply = add_catch,
     .doc = "An answer before whose head this appears on the standard error output is invalid."},
    ORIGIN_WAY_ROWS("fastcgi", "what ...", cgi_next_words),
    ORIGIN_SOCKET_ROWS("fastcgi"),
    ORIGIN_LOWAT_ROWS("fastcgi"),
    ORIGIN_HEAD_ROWS("fastcgi"),
    ORIGIN_BODY_ROWS("fastcgi"),
    ORIGIN_STORE_ROWS("fastcgi"),
};

/* Variables ------------------------------------------------------------------------------------ */

struct script {
    struct str name, path_info;
};

/* Leaves $1, $2 ... as they are. */
static struct script split(struct request *r, const struct fastcgi_conf *conf)
{
    int pairs = conf->split == NULL ? 0 : regex_match(conf->split, r->uri);

    if (pairs < 0)
        log_error(&r->log, LOG_ALERT, 0, "matching \"%" STR_FMT "\" failed: %s",
                  STR_ARG(conf->split->pattern), regex_failure(pairs));
    if (pairs <= 0)
        return (struct script){.name = r->uri, .path_info = STR("")};
    return (struct script){.name = regex_group(r->uri, pairs, 1),
                           .path_info = regex_group(r->uri, pairs, 2)};
}

static void get_script_name(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);
    const struct fastcgi_conf *conf = REQUEST_CONF(r, fastcgi_index, struct fastcgi_conf);
    struct str name = split(r, conf).name;

    if (conf->index.len > 0 && str_ends(name, STR("/")))
        name = pool_printf(request_pool(r), "%" STR_FMT "%" STR_FMT, STR_ARG(name),
                           STR_ARG(conf->index));
    var_found(out, name);
}

static void get_path_info(struct scope *scope, struct var_value *out, uintptr_t data)
{
    struct request *r = CONTAINER(scope, struct request, scope);

    var_found(out, split(r, REQUEST_CONF(r, fastcgi_index, struct fastcgi_conf)).path_info);
}

static const struct var_def variables[] = {
    {.name = "fastcgi_script_name", .get = get_script_name, .flags = VAR_NO_CACHE},
    {.name = "fastcgi_path_info", .get = get_path_info, .flags = VAR_NO_CACHE},
};

const struct module fastcgi_module = {
    .name = "fastcgi", .nginx_name = "http_fastcgi_module",
    .doc = "Passing requests to FastCGI applications.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .variables = TABLE(variables),
    .conf_size = sizeof(struct fastcgi_conf),
    .scope_done = scope_done,
    .index = &fastcgi_index,
};
