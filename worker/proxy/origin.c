/*
 * worker/proxy/origin.c - settings that every protocol spoken to origins has: applied and checked.
 */
#include "worker/proxy/origin.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "common/temp_path.h"
#include "worker/http/request.h"

const struct word origin_ignore_words[] = {
    {"X-Accel-Redirect", IGNORE_ACCEL_REDIRECT}, {"X-Accel-Expires", IGNORE_ACCEL_EXPIRES},
    {"X-Accel-Limit-Rate", IGNORE_ACCEL_LIMIT_RATE}, {"X-Accel-Buffering", IGNORE_ACCEL_BUFFERING},
    {"X-Accel-Charset", IGNORE_ACCEL_CHARSET}, {"Expires", IGNORE_EXPIRES},
    {"Cache-Control", IGNORE_CACHE_CONTROL}, {"Set-Cookie", IGNORE_SET_COOKIE},
    {"Vary", IGNORE_VARY}, {NULL, 0},
};

/* Directives ----------------------------------------------------------------------------------- */

/* An address of IPv4 or IPv6, with a port or without. */
static bool parse_local(struct addr *out, struct str text)
{
    const char *why;

    return (str_find(text, '.') >= 0 || str_find(text, ':') >= 0) && !str_starts(text, STR("*")) &&
           addr_parse(out, text, 0, &why) && out->sa.sa_family != AF_UNIX;
}

static bool set_fixed_bind(struct conf_call *call, struct str text)
{
    struct origin_conf *conf = call->conf;
    struct addr *addr = pool_zalloc(call->pool, sizeof(*addr));

    if (!parse_local(addr, text))
        return conf_fail_arg(call, 0, "invalid address \"%" STR_FMT "\"", STR_ARG(text));
    conf->dial.exchange.bind = addr;
    return true;
}

bool origin_set_bind(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    const char *why;

    conf->bind = NULL;
    conf->dial.exchange.bind = NULL;
    conf->dial.exchange.transparent = call->count > 1;
    if (call->count > 1 && !str_eq(conf_arg(call, 1), STR("transparent")))
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    if (str_eq(text, STR("off")) && call->count == 1)
        return true;
    call->gen->transparent |= call->count > 1;
    if (!template_has_vars(text))
        return set_fixed_bind(call, text);
    conf->bind = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return conf->bind != NULL || conf_fail_arg(call, 0, "%s", why);
}

/* Ten times the first unless said. */
bool origin_set_backoff(struct conf_call *call)
{
    struct dial_options *dial = &((struct origin_conf *)call->conf)->dial;

    if (!conf_ms(conf_arg(call, 0), &dial->backoff_ms))
        return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 0)));
    dial->backoff_most_ms = 10 * dial->backoff_ms;
    if (call->count > 1 && !conf_ms(conf_arg(call, 1), &dial->backoff_most_ms))
        return conf_fail_arg(call, 1, "invalid value \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 1)));
    return dial->backoff_most_ms >= dial->backoff_ms ||
           conf_fail_arg(call, 1, "the longest pause is shorter than the first one");
}

bool origin_set_budget(struct conf_call *call)
{
    struct retry_budget *budget = &((struct origin_conf *)call->conf)->dial.budget;
    struct str text = conf_arg(call, 0), least;

    *budget = (struct retry_budget){.least = 10};
    if (str_eq(text, STR("off")) && call->count == 1)
        return true;
    if (!str_ends(text, STR("%")) ||
        !conf_int((struct str){text.data, text.len - 1}, &budget->percent) ||
        budget->percent < 1 || budget->percent > 1000)
        return conf_fail_arg(call, 0, "invalid share \"%" STR_FMT "\"", STR_ARG(text)) ||
               conf_hint(call, "1%% to 1000%%, or \"off\"");
    return call->count == 1 ||
           (conf_arg_is(call, 1, "min=", &least) && conf_int(least, &budget->least) &&
            budget->least >= 0) ||
           conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"", STR_ARG(conf_arg(call, 1)));
}

/* A connection that was bound for one client serves no other. */
const struct dial_options *origin_dial_options(struct request *r, const struct origin_conf *conf)
{
    struct dial_options *own;
    struct addr *addr;
    struct str text;

    if (likely(conf->bind == NULL))
        return &conf->dial;
    own = pool_alloc(request_pool(r), sizeof(*own));
    *own = conf->dial;
    own->keepalive = false;
    text = scope_eval(&r->scope, conf->bind);
    addr = pool_alloc(request_pool(r), sizeof(*addr));
    if (text.len > 0 && parse_local(addr, text))
        own->exchange.bind = addr;
    else if (text.len > 0)
        log_error(&r->log, LOG_ERROR, 0, "invalid local address \"%" STR_FMT "\"", STR_ARG(text));
    return own;
}

bool origin_set_allow(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;
    struct template **item;
    const char *why;

    for (uint32_t i = 0; i < call->count; i++) {
        item = array_push(origin_list(call, &conf->allow, sizeof(*item)));
        *item = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, i), &why);
        if (*item == NULL)
            return conf_fail_arg(call, i, "%s", why);
    }
    return true;
}

bool origin_allows(struct request *r, const struct origin_conf *conf)
{
    EACH (struct template *, item, conf->allow) {
        struct str value = scope_eval(&r->scope, *item);

        if (value.len == 0 || str_eq(value, STR("0")))
            return false;
    }
    return true;
}

bool origin_set_temp_path(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;

    conf->temp = temp_path_load(call);
    return conf->temp != NULL;
}

struct array *origin_list(struct conf_call *call, struct array **list, size_t item_bytes)
{
    if (*list == NULL) {
        *list = pool_zalloc(call->pool, sizeof(**list));
        **list = (struct array){.item_bytes = item_bytes, .pool = call->pool};
    }
    return *list;
}

bool origin_set_hide(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;

    name_list_add(origin_list(call, &conf->hide, sizeof(struct str)), conf_arg(call, 0));
    return true;
}

bool origin_set_pass_header(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;

    name_list_add(origin_list(call, &conf->pass_names, sizeof(struct str)), conf_arg(call, 0));
    return true;
}

/* Checks --------------------------------------------------------------------------------------- */

/* 0 or at least one buffer. */
static bool check_temp_size(struct conf_call *call)
{
    const struct origin_conf *conf = call->conf;
    const char *prefix = call->module->name;

    if (conf->max_temp_bytes == 0 ||
        conf->max_temp_bytes >= MAX(conf->buffer_bytes, conf->buffers.bytes))
        return true;
    return conf_fail_at(call->gen, call->node,
                        "\"%s_max_temp_file_size\" must be equal to zero to disable temporary "
                        "files usage or must be equal to or greater than the maximum of the value "
                        "of \"%s_buffer_size\" and one of the \"%s_buffers\"",
                        prefix, prefix, prefix);
}

/* Of no consequence here, but what nginx refuses is a mistake in any case. */
static bool check_buffers(struct conf_call *call)
{
    const struct origin_conf *conf = call->conf;
    const char *prefix = call->module->name;
    int64_t all = conf->buffers.number * conf->buffers.bytes;
    int64_t largest = MAX(conf->buffer_bytes, conf->buffers.bytes);
    int64_t busy = conf->busy_bytes == 0 ? 2 * largest : conf->busy_bytes;

    if (conf->buffers.number < 2)
        return conf_fail_at(call->gen, call->node, "there must be at least 2 \"%s_buffers\"",
                            prefix);
    if (busy < largest)
        return conf_fail_at(call->gen, call->node,
                            "\"%s_busy_buffers_size\" must be equal to or greater than the "
                            "maximum of the value of \"%s_buffer_size\" and one of the "
                            "\"%s_buffers\"", prefix, prefix, prefix);
    return busy <= all - conf->buffers.bytes ||
           conf_fail_at(call->gen, call->node,
                        "\"%s_busy_buffers_size\" must be less than the size of all "
                        "\"%s_buffers\" minus one buffer", prefix, prefix);
}

/* A scope is complete -------------------------------------------------------------------------- */

static struct name_set *make_hidden(struct conf_call *call, const char *const *hidden)
{
    const struct origin_conf *conf = call->conf;
    struct name_set *set = pool_alloc(call->pool, sizeof(*set));
    struct array names = array_of(struct str, call->pool);

    for (; *hidden != NULL; hidden++)
        if (conf->pass_names == NULL || !name_list_has(conf->pass_names, str_of(*hidden)))
            name_list_add(&names, str_of(*hidden));
    if (conf->hide != NULL)
        EACH (struct str, name, conf->hide)
            name_list_add(&names, *name);
    name_set_build(set, call->pool, &names);
    return set;
}

/* What is said of retries where there can be none. */
static void check_retries(struct conf_call *call)
{
    const struct origin_conf *conf = call->conf;
    const char *prefix = call->module->name;
    const char *what = conf->dial.backoff_ms > 0 ? "next_upstream_backoff"
                       : conf->dial.budget.percent > 0 ? "retry_budget" : NULL;

    if (conf->pass == NULL)
        return;
    if ((conf->next & NEXT_OFF) == 0 && (conf->next & DIAL_CAUSES) == 0)
        conf_warn(call, "\"%s_next_upstream\" names no reason to try another server", prefix);
    if (what != NULL && conf->dial.retry == 0)
        conf_warn(call, "\"%s_%s\" has no effect: nothing is tried again", prefix, what);
    if (conf->total_timeout_ms > 0 && conf->dial.try_timeout_ms > conf->total_timeout_ms)
        conf_warn(call, "\"%s_try_timeout\" is longer than \"%s_total_timeout\"", prefix, prefix);
}

bool origin_finish(struct conf_call *call, const char *const *hidden)
{
    struct origin_conf *conf = call->conf;

    conf->dial.exchange.place = conf;
    conf->dial.retry = 0;
    if ((conf->next & NEXT_OFF) == 0)
        conf->dial.retry = (uint32_t)conf->next & (DIAL_CAUSES | DIAL_DENIED);
    conf->dial.same = (conf->next & NEXT_SAME) != 0;
    check_retries(call);
    if (conf->hidden == NULL || conf->hidden_of[0] != conf->hide ||
        conf->hidden_of[1] != conf->pass_names) {
        conf->hidden = make_hidden(call, hidden);
        conf->hidden_of[0] = conf->hide;
        conf->hidden_of[1] = conf->pass_names;
    }
    if (conf->pass != NULL && conf->pass->tls && !origin_tls_finish(call, &conf->tls))
        return false;
    return conf->buffers.number == 0 || (check_buffers(call) && check_temp_size(call));
}
