/*
 * t/unit/common/conf_toy.h - toy modules and a loader, for tests of the configuration language.
 *
 * web has one directive of each kind of value and the scopes of http; other has nothing but a flag.
 */
#pragma once

#include <stdio.h>

#include <stdlib.h>

#include "common/conf_load.h"
#include "common/core_conf.h"
#include "common/generation.h"
#include "common/template.h"

struct web_conf {
    struct str root;
    bool sendfile;
    int64_t status, body_bytes, timeout_ms, satisfy, methods;
    struct buf_count bufs;
    struct template *title;
    struct array *headers;      /* struct str */
    struct str *pass;           /* local, but kept by `if` */
    struct array *rules;        /* local */
    int64_t done;               /* how often scope_done saw it */
    struct array *types;
};

struct web_server {
    struct conf_scope *scope;
    struct array locations;     /* struct conf_scope * */
    uint32_t order;
};


static uint32_t web_module_index, other_module_index;

#define WEB(scope) CONF(scope, web_module_index, struct web_conf)

/* What a load left. */
struct toy {
    struct generation gen;
    unsigned faults;
    char said[16384];           /* all reports, a line each */
    struct array *servers;      /* struct web_server * */
};


static struct array *made(struct array **at, struct conf_call *call, struct array empty)
{
    if (*at == NULL) {
        *at = pool_alloc(call->pool, sizeof(**at));
        **at = empty;
    }
    return *at;
}

static bool web_http(struct conf_call *call)
{
    call->gen->http = pool_alloc(call->pool, sizeof(struct array));
    *(struct array *)call->gen->http = array_of(struct web_server *, call->pool);
    call->inner_owner = call->gen->http;
    return true;
}

static bool web_server(struct conf_call *call)
{
    struct web_server *server = pool_zalloc(call->pool, sizeof(*server));

    server->scope = call->inner;
    server->locations = array_of(struct conf_scope *, call->pool);
    *(struct web_server **)array_push(call->scope->owner) = server;
    call->inner_owner = server;
    return true;
}

static bool web_location(struct conf_call *call)
{
    struct web_server *server = call->scope->owner;

    if (str_eq(conf_arg(call, 0), STR("/refused")))
        return conf_fail_arg(call, 0, "refused");
    *(struct conf_scope **)array_push(&server->locations) = call->inner;
    call->inner_owner = server;
    return true;
}

static bool web_header(struct conf_call *call)
{
    struct web_conf *conf = call->conf;
    struct array *all = made(&conf->headers, call, array_of(struct str, call->pool));

    *(struct str *)array_push(all) = conf_arg(call, 0);
    return true;
}

static bool web_pass(struct conf_call *call)
{
    struct web_conf *conf = call->conf;

    conf->pass = pool_alloc(call->pool, sizeof(struct str));
    *conf->pass = conf_arg(call, 0);
    return true;
}

static bool web_rule(struct conf_call *call)
{
    struct web_conf *conf = call->conf;
    struct array *all = made(&conf->rules, call, array_of(struct str, call->pool));

    *(struct str *)array_push(all) = conf_arg(call, 0);
    return true;
}

static bool web_set(struct conf_call *call)
{
    struct str name = str_from(conf_arg(call, 0), 1);

    if (var_define(&call->gen->http_vars, name, VAR_CHANGEABLE) == NULL)
        return conf_fail_arg(call, 0, "the duplicate \"%" STR_FMT "\" variable", STR_ARG(name));
    return true;
}

static bool web_types(struct conf_call *call)
{
    struct web_conf *conf = call->conf;

    conf->types = pool_alloc(call->pool, sizeof(struct array));
    *conf->types = array_of(struct str, call->pool);
    for (const struct conf_node *n = call->node->children; n != NULL; n = n->next)
        *(struct str *)array_push(conf->types) = n->words[0].text;
    return true;
}

static bool web_done(struct conf_call *call)
{
    ((struct web_conf *)call->conf)->done++;
    return true;
}

static void web_get(struct scope *scope, struct var_value *out, uintptr_t data)
{
    out->state = VAR_NOT_FOUND;
}

static const struct word web_satisfy[] = {{"all", 1}, {"any", 2}, {NULL, 0}};
static const struct word web_methods[] = {{"get", 1}, {"put", 2}, {"delete", 4}, {NULL, 0}};

#define W(member) FIELD(struct web_conf, member)

static const struct directive web_rows[] = {
    { .name = "http", .where = IN_MAIN, .args = "{ }", .opens = IN_HTTP, .apply = web_http },
    { .name = "server", .where = IN_HTTP, .args = "{ }", .opens = IN_SERVER, .apply = web_server,
      .repeat = true },
    { .name = "location", .where = IN_SERVER | IN_LOCATION, .args = "[=|~] uri { }",
      .opens = IN_LOCATION, .apply = web_location, .repeat = true },
    { .name = "if", .where = IN_LOCATION, .args = "condition ... { }", .opens = IN_LOCATION_IF,
      .apply = web_location, .repeat = true },
    { .name = "root", .where = IN_WEB, .args = "path", .value = VALUE_PATH, .field = W(root),
      .initial = "html", .doc = "Where files are." },
    { .name = "sendfile", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
      .field = W(sendfile), .initial = "on" },
    { .name = "limit_status", .where = IN_WEB, .args = "code", .value = VALUE_INT,
      .field = W(status), .min = 400, .max = 599, .initial = "503" },
    { .name = "body_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
      .field = W(body_bytes), .min = 1024, .initial = "1m" },
    { .name = "send_timeout", .where = IN_WEB, .args = "time", .value = VALUE_MS,
      .field = W(timeout_ms), .initial = "60s" },
    { .name = "satisfy", .where = IN_WEB, .args = "all|any", .value = VALUE_ENUM,
      .field = W(satisfy), .words = web_satisfy, .initial = "all" },
    { .name = "methods", .where = IN_WEB, .args = "method ...", .value = VALUE_BITS,
      .field = W(methods), .words = web_methods },
    { .name = "buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
      .field = W(bufs), .initial = "8 4k" },
    { .name = "words", .where = IN_WEB, .args = "word ..." },
    { .name = "title", .where = IN_WEB, .args = "text", .value = VALUE_TEMPLATE,
      .field = W(title) },
    { .name = "header", .where = IN_WEB_IF, .args = "text", .apply = web_header, .repeat = true,
      .field = W(headers) },
    { .name = "pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "url", .apply = web_pass,
      .field = W(pass), .local = true, .into_if = true },
    { .name = "rule", .where = IN_SERVER | IN_LOCATION | IN_LOCATION_IF, .args = "text",
      .apply = web_rule, .field = W(rules), .repeat = true, .local = true },
    { .name = "set", .where = IN_SERVER, .args = "$name value", .apply = web_set, .repeat = true },
    { .name = "types", .where = IN_WEB, .args = "{ }", .raw_block = true, .apply = web_types,
      .field = W(types), .initial = "{ text/html html; image/gif gif; }" },
};

static const struct var_def web_vars[] = {
    {"host", web_get, NULL, 0, 0},
    {"args", web_get, NULL, 0, VAR_CHANGEABLE},
    {"http_", web_get, NULL, 0, VAR_PREFIX},
    {NULL, NULL, NULL, 0, 0},
};

static const struct module web_module = {
    .name = "web", .doc = "A toy.", .family = FAMILY_HTTP, .directives = TABLE(web_rows),
    .conf_size = sizeof(struct web_conf), .scope_done = web_done, .index = &web_module_index,
    .variables = web_vars, .variable_count = COUNT(web_vars), .nginx_name = "http_web_module",
};

struct other_conf {
    bool on;
};

static const struct directive other_rows[] = {
    { .name = "other", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
      .field = FIELD(struct other_conf, on) },
    { .name = "server", .where = IN_UPSTREAM, .args = "address [parameters ...]" },
};

static const struct module other_module = {
    .name = "other", .doc = "Another toy.", .family = FAMILY_HTTP, .directives = TABLE(other_rows),
    .conf_size = sizeof(struct other_conf), .index = &other_module_index,
};

#ifndef TOY_MODULE
#define TOY_MODULE NULL /* one more, of the test */
#endif

const struct module *const modules[] = {&core_module, &web_module, &other_module, TOY_MODULE,
                                        NULL};

/* Loading ------------------------------------------------------------------------------------- */

static void toy_report(void *arg, enum log_level level, const char *line)
{
    struct toy *toy = arg;
    size_t len = strlen(toy->said);

    snprintf(toy->said + len, sizeof(toy->said) - len, "[%s] %s\n", log_level_name(level), line);
}

static struct toy *toy_run(const struct conf_options *options)
{
    struct toy *toy = calloc(1, sizeof(*toy));

    toy->gen.pool = pool_create(65536);
    toy->gen.prefix = STR("/prefix/");
    toy->faults = conf_load(&toy->gen, options, toy_report, toy);
    toy->servers = toy->gen.http;
    return toy;
}

UNUSED static struct toy *toy_load(const char *text)
{
    return toy_run(&(struct conf_options){.file = "/etc/t.conf", .text = str_of(text),
                                          .testing = true});
}

UNUSED static struct toy *toy_load_file(const char *path, const char *globals)
{
    return toy_run(&(struct conf_options){
        .file = path, .testing = true, .globals = globals ? str_of(globals) : STR_NONE});
}

UNUSED static struct web_server *toy_server(struct toy *toy, size_t i)
{
    return *(struct web_server **)array_at(toy->servers, i);
}

UNUSED static struct conf_scope *toy_location(struct toy *toy, size_t server, size_t i)
{
    return *(struct conf_scope **)array_at(&toy_server(toy, server)->locations, i);
}

UNUSED static void toy_free(struct toy *toy)
{
    pool_destroy(toy->gen.pool);
    free(toy);
}
