/*
 * worker/http/rewrite.c - rewrite, return, set, if and break, run in the order they were written.
 *
 * An `if` is a location of its own inside the one it stands in: when its test holds, the request
 * moves there, runs the steps of the block, and goes on behind it.
 */
#include "worker/http/rewrite.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/codec/escape.h"
#include "worker/http/coded_text.h"
#include "worker/http/condition.h"
#include "worker/http/http_block.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/net/scope_regex.h"

static uint32_t rewrite_index;

enum step_kind { STEP_REWRITE, STEP_RETURN, STEP_SET, STEP_IF, STEP_BREAK };
enum flag { FLAG_NONE, FLAG_LAST, FLAG_BREAK, FLAG_REDIRECT, FLAG_PERMANENT };

struct rewrite_step {
    enum step_kind kind;
    enum flag flag;
    struct scope_regex *regex;    /* REWRITE */
    struct template *text;        /* REWRITE: path; RETURN: text or URL; SET: value */
    struct template *args;        /* REWRITE: behind '?', NULL without one */
    bool drop_args;               /* REWRITE: ends in '?' */
    bool external;                /* REWRITE: the answer is a redirect */
    int status;                   /* RETURN */
    uint32_t var;                 /* SET */
    struct condition *condition;  /* IF */
    struct location *inner;       /* IF */
    struct rewrite_step *next;
};

struct rewrite_conf {
    bool log;
    bool warn_uninitialized;
};

/* Configuration -------------------------------------------------------------------------------- */

static struct rewrite_step *add_step(struct conf_call *call, enum step_kind kind)
{
    struct location *owner = call->scope->kind == IN_SERVER
                                 ? &((struct http_server *)call->scope->owner)->base
                                 : call->scope->owner;
    struct rewrite_step *step = pool_zalloc(call->pool, sizeof(*step));

    *(owner->last_step != NULL ? &owner->last_step->next : &owner->steps) = step;
    owner->last_step = step;
    step->kind = kind;
    return step;
}

static struct template *compile(struct conf_call *call, uint32_t arg, struct str text)
{
    const char *why;
    struct template *t = template_compile(call->pool, &call->gen->http_vars, text, &why);

    if (t == NULL)
        conf_fail_arg(call, arg, "%s", why);
    return t;
}

static bool set_break(struct conf_call *call)
{
    add_step(call, STEP_BREAK);
    return true;
}

static bool is_url(struct str text)
{
    return str_starts(text, STR("http://")) || str_starts(text, STR("https://")) ||
           str_starts(text, STR("$scheme"));
}

static bool set_return(struct conf_call *call)
{
    struct rewrite_step *step = add_step(call, STEP_RETURN);
    struct str text = conf_arg(call, 0);
    int64_t status;

    if (!conf_int(text, &status)) {
        if (call->count > 1 || !is_url(text))
            return conf_fail_arg(call, 0, "invalid return code \"%" STR_FMT "\"", STR_ARG(text));
        step->status = 302;
        return (step->text = compile(call, 0, text)) != NULL;
    }
    if (status < 0 || status > 999)
        return conf_fail_arg(call, 0, "invalid return code \"%" STR_FMT "\"", STR_ARG(text));
    step->status = (int)status;
    return call->count == 1 || (step->text = compile(call, 1, conf_arg(call, 1))) != NULL;
}

static bool set_set(struct conf_call *call)
{
    struct rewrite_step *step = add_step(call, STEP_SET);
    struct str name = conf_arg(call, 0);
    struct var *var;

    if (name.len < 2 || name.data[0] != '$')
        return conf_fail_arg(call, 0, "invalid variable name \"%" STR_FMT "\"", STR_ARG(name));
    var = var_settable(&call->gen->http_vars, str_from(name, 1));
    if (var == NULL)
        return conf_fail_arg(call, 0, "the duplicate \"%" STR_FMT "\" variable",
                             STR_ARG(str_from(name, 1)));
    step->var = var->index;
    return (step->text = compile(call, 1, conf_arg(call, 1))) != NULL;
}

static bool read_flag(struct conf_call *call, struct rewrite_step *step)
{
    static const struct {
        struct str word;
        enum flag flag;
    } flags[] = {{STR_INIT("last"), FLAG_LAST}, {STR_INIT("break"), FLAG_BREAK},
                 {STR_INIT("redirect"), FLAG_REDIRECT}, {STR_INIT("permanent"), FLAG_PERMANENT}};

    if (call->count < 3)
        return true;
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (str_eq(conf_arg(call, 2), flags[i].word)) {
            step->flag = flags[i].flag;
            return true;
        }
    }
    conf_fail_arg(call, 2, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 2)));
    return conf_hint(call, "one of: last, break, redirect, permanent");
}

static bool set_rewrite(struct conf_call *call)
{
    struct rewrite_step *step = add_step(call, STEP_REWRITE);
    struct str to = conf_arg(call, 1);
    ssize_t mark = str_find(to, '?');

    if (to.len == 0)
        return conf_fail_arg(call, 1, "empty replacement");
    if (!read_flag(call, step))
        return false;
    step->regex = scope_regex_load(call, 0, conf_arg(call, 0), false);
    step->external = step->flag == FLAG_REDIRECT || step->flag == FLAG_PERMANENT || is_url(to);
    if (mark >= 0) {
        step->drop_args = mark == (ssize_t)to.len - 1;
        step->args = compile(call, 1, str_from(to, (size_t)mark + 1));
        if (step->args == NULL)
            return false;
        to.len = (size_t)mark;
    }
    step->text = compile(call, 1, to);
    return step->text != NULL && step->regex != NULL;
}

static bool open_if(struct conf_call *call)
{
    struct rewrite_step *step = add_step(call, STEP_IF);

    step->condition = condition_load(call);
    if (step->condition == NULL)
        return false;
    step->inner = http_block_inside(call);
    return true;
}

#define IF_DOC                                                                                     \
    "What holds when a test does: ($v), ($v = text), ($v ~ regex), (-f path), or several joined "  \
    "with && and ||, negated with !, grouped with parentheses."
#define IN_CODE (IN_SERVER | IN_LOCATION | IN_SERVER_IF | IN_LOCATION_IF)
#define F(member) FIELD(struct rewrite_conf, member)

static const struct directive directives[] = {
    {.name = "break", .where = IN_CODE, .args = "", .apply = set_break, .repeat = true,
     .doc = "Stops the rewriting of this block."},
    {.name = "return", .where = IN_CODE, .args = "code|URL [text]", .apply = set_return,
     .repeat = true,
     .doc = "Answers at once: with a status, a status and a text, or a redirect."},
    {.name = "set", .where = IN_CODE, .args = "$variable value", .apply = set_set, .repeat = true,
     .doc = "Gives a variable a value."},
    {.name = "rewrite", .where = IN_CODE, .args = "regex replacement [flag]",
     .apply = set_rewrite, .repeat = true,
     .doc = "Changes the path of requests that match, or redirects them."},
    {.name = "if", .where = IN_SERVER, .args = "(condition) ... { }", .apply = open_if,
     .repeat = true, .opens = IN_SERVER_IF, .doc = IF_DOC},
    {.name = "if", .where = IN_LOCATION, .args = "(condition) ... { }", .apply = open_if,
     .repeat = true, .opens = IN_LOCATION_IF, .doc = IF_DOC},
    {.name = "rewrite_log", .where = IN_WEB | IN_SERVER_IF | IN_LOCATION_IF, .args = "on|off",
     .value = VALUE_FLAG, .field = F(log), .initial = "off",
     .doc = "Log what rewrite does, at level notice."},
    {.name = "uninitialized_variable_warn", .where = IN_WEB | IN_SERVER_IF | IN_LOCATION_IF,
     .args = "on|off", .value = VALUE_FLAG, .field = F(warn_uninitialized), .initial = "on",
     .doc = "Warn of variables that are read before they are set."},
};

/* At run time ---------------------------------------------------------------------------------- */

struct progress {
    bool stopped;
    bool rewritten; /* a rewrite has matched: what later steps capture is not coded again */
};

/* GO_ON: the next step. Others end the program. */
static enum verdict run_steps(struct request *r, const struct rewrite_step *steps,
                              struct progress *progress);

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Errors without a text get their page; all else is sent as it is, if need be without a body. */
static enum verdict run_return(struct request *r, const struct rewrite_step *step)
{
    struct str text = step->text == NULL ? STR("") : scope_eval(&r->scope, step->text);
    int status = step->status;

    record(r, "rewrite", "return %d", status);
    if (is_redirect(status))
        return request_redirect_to(r, status, text);
    if (status >= 400 && step->text == NULL)
        return request_fail(r, status, "rewrite.return");
    request_answer(r, status == 0 ? 200 : status, http_core_type(HTTP_CORE(r), r->ext), text);
    if (status >= 400 && r->error_status == 0)
        r->fail_reason = "rewrite.return";
    return ANSWERED;
}

/* The request's own arguments follow those of the replacement. */
static struct str merge_args(struct request *r, const struct rewrite_step *step)
{
    struct str added;

    if (step->drop_args)
        return STR_NONE;
    if (step->args == NULL)
        return r->args;
    added = coded_text(r, step->args);
    if (str_ends(added, STR("?")))
        return (struct str){added.data, added.len - 1};
    if (r->args.len == 0)
        return added;
    return pool_printf(request_pool(r), "%" STR_FMT "&%" STR_FMT, STR_ARG(added), STR_ARG(r->args));
}

/* A '?' of the replacement's own stays, whatever comes behind it. */
static enum verdict redirect(struct request *r, const struct rewrite_step *step, struct str path,
                             struct str args)
{
    bool mark = args.len > 0 || (step->args != NULL && !step->drop_args);
    struct str to = pool_printf(request_pool(r), "%" STR_FMT "%s%" STR_FMT,
                                STR_ARG(unescape(request_pool(r), path, UNESCAPE_REDIRECT)),
                                mark ? "?" : "", STR_ARG(args));

    return request_redirect_to(r, step->flag == FLAG_PERMANENT ? 301 : 302, to);
}

static enum verdict run_rewrite(struct request *r, const struct rewrite_step *step,
                                struct progress *progress)
{
    const struct rewrite_conf *conf = REQUEST_CONF(r, rewrite_index, struct rewrite_conf);
    struct str path, args;

    if (!scope_regex_match(&r->scope, step->regex, r->uri)) {
        r->scope.capture_count = 0;
        if (conf->log)
            log_error(&r->log, LOG_NOTICE, 0, "\"%" STR_FMT "\" does not match \"%" STR_FMT "\"",
                      STR_ARG(step->regex->regex->pattern), STR_ARG(r->uri));
        return GO_ON;
    }
    progress->rewritten = true;
    path = step->external ? coded_text(r, step->text) : scope_eval(&r->scope, step->text);
    args = merge_args(r, step);
    if (conf->log)
        log_error(&r->log, LOG_NOTICE, 0, "rewritten data: \"%" STR_FMT "\", args: \"%" STR_FMT
                  "\"", STR_ARG(path), STR_ARG(args));
    record(r, "rewrite", "\"%" STR_FMT "\" to \"%" STR_FMT "\"", STR_ARG(r->uri), STR_ARG(path));
    if (step->external)
        return redirect(r, step, path, args);
    if (path.len == 0) {
        log_error(&r->log, LOG_ERROR, 0, "the rewritten URI has a zero length");
        return request_fail(r, 500, "rewrite.empty");
    }
    request_set_uri(r, path, args);
    r->internal = true; /* such a request may enter internal locations */
    progress->stopped = step->flag != FLAG_NONE;
    r->uri_changed = step->flag != FLAG_BREAK;
    r->rewritten_inside = step->flag == FLAG_BREAK;
    return GO_ON;
}

static enum verdict run_step(struct request *r, const struct rewrite_step *step,
                             struct progress *progress)
{
    switch (step->kind) {
    case STEP_REWRITE:
        return run_rewrite(r, step, progress);
    case STEP_RETURN:
        return run_return(r, step);
    case STEP_SET:
        scope_set(&r->scope, step->var, progress->rewritten ? scope_eval(&r->scope, step->text)
                                                             : coded_text(r, step->text));
        return GO_ON;
    case STEP_BREAK:
        progress->stopped = true;
        r->uri_changed = false;
        return GO_ON;
    case STEP_IF:
        if (!condition_holds(r, step->condition, !progress->rewritten))
            return GO_ON;
        record(r, "rewrite", "if at line %u holds", step->inner->node->line);
        request_enter(r, step->inner);
        return run_steps(r, step->inner->steps, progress);
    }
    return GO_ON;
}

static enum verdict run_steps(struct request *r, const struct rewrite_step *steps,
                              struct progress *progress)
{
    enum verdict verdict = GO_ON;

    for (; steps != NULL && verdict == GO_ON && !progress->stopped; steps = steps->next)
        verdict = run_step(r, steps, progress);
    return verdict;
}

static enum verdict run(struct request *r)
{
    struct progress progress = {false, false};

    return run_steps(r, r->location->steps, &progress);
}

static enum verdict run_location(struct request *r)
{
    return r->location == &r->server->base ? GO_ON : run(r);
}

const struct module rewrite_module = {
    .name = "rewrite", .nginx_name = "http_rewrite_module",
    .doc = "Changing requests before they are served: rewrite, return, set, if.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct rewrite_conf),
    .phase = PHASE_REWRITE, .handler = run_location, .index = &rewrite_index,
    .idle_without = &rewrite_module,
};

const struct module server_rewrite_module = {
    .name = "server_rewrite", .doc = "The rewrite steps of a server block.",
    .family = FAMILY_HTTP,
    .phase = PHASE_SERVER_REWRITE, .handler = run,
    .idle_without = &rewrite_module,
};
