/*
 * worker/access/auth_request.c - access by the answer to a subrequest.
 *
 * 2xx lets the request in; 401 and 403 are passed on; anything else is our 500. The subrequest is a
 * GET without a body.
 */
#include "worker/access/auth_request.h"

#include "worker/http/phase.h"
#include "worker/net/scope_conf.h"

static uint32_t auth_request_index;

struct assignment {
    uint32_t var;
    struct template *value;
    struct assignment *next;
};

struct auth_request_conf {
    struct template *uri;       /* "off": none */
    struct assignment *sets;
};

enum asking_state { ASKING_NEW, ASKING_RUNS, ASKING_ANSWERED };

struct asking {
    enum asking_state state;
    struct request *parent;
    struct request *sub;        /* while it runs, and until its answer is read */
};

/* Configuration -------------------------------------------------------------------------------- */

static bool add_set(struct conf_call *call)
{
    struct auth_request_conf *conf = call->conf;
    struct assignment *set = pool_zalloc(call->pool, sizeof(*set)), **end = &conf->sets;
    struct var *var = scope_conf_define(call, 0);

    if (var == NULL)
        return false;
    set->var = var->index;
    set->value = scope_conf_template(call, call->node, 2);
    while (*end != NULL)
        end = &(*end)->next;
    *end = set;
    return set->value != NULL;
}

static const struct directive directives[] = {
    {.name = "auth_request", .where = IN_WEB, .args = "uri|off", .value = VALUE_TEMPLATE,
     .field = FIELD(struct auth_request_conf, uri), .initial = "off",
     .doc = "Ask this URI by a subrequest whether to let a request in: 2xx yes, 401 or 403 no."},
    {.name = "auth_request_set", .where = IN_WEB, .args = "$variable value", .apply = add_set,
     .field = FIELD(struct auth_request_conf, sets), .repeat = true,
     .doc = "Gives a variable a value from the answer to that subrequest."},
};

/* At run time ---------------------------------------------------------------------------------- */

static void on_answer(struct request *sub, void *arg)
{
    struct asking *asking = arg;

    asking->state = ASKING_ANSWERED;
    request_resume(asking->parent);
}

static enum verdict ask(struct request *r, struct asking *asking, struct str uri)
{
    struct request *sub;
    struct str args = uri;

    uri = str_cut(&args, '?');
    sub = request_sub(r, uri, args, true, on_answer, asking);
    if (sub == NULL)
        return request_fail(r, 500, "auth.subrequest");
    sub->body = NULL;
    sub->content_length = -1;
    sub->chunked = false;
    asking->parent = r;
    asking->sub = sub;
    asking->state = ASKING_RUNS;
    return WAIT_EVENT;
}

/* The subrequest's challenge becomes ours. */
static void copy_challenge(struct request *r, const struct request *sub)
{
    EACH_FIELD (f, sub->out.fields) {
        if (f->id == FIELD_WWW_AUTHENTICATE && !(f->flags & FIELD_DELETED))
            request_add_field(r, STR("WWW-Authenticate"), pool_str(request_pool(r), f->value),
                              FIELD_WWW_AUTHENTICATE);
    }
}

static enum verdict judge(struct request *r, const struct request *sub)
{
    int status = sub->out.status;

    record(r, "access", "auth_request: %d", status);
    if (status >= 200 && status < 300)
        return ALLOW;
    if (status == 403)
        return request_fail(r, 403, "auth.request");
    if (status == 401) {
        request_fail(r, 401, "auth.request");
        copy_challenge(r, sub);
        return ANSWERED;
    }
    log_error(&r->log, LOG_ERROR, 0, "auth request unexpected status: %d", status);
    return request_fail(r, 500, "auth.request");
}

static enum verdict finish(struct request *r, struct asking *asking,
                           const struct auth_request_conf *conf)
{
    struct request *sub = asking->sub;
    enum verdict verdict;

    for (const struct assignment *set = conf->sets; set != NULL; set = set->next)
        scope_set(&r->scope, set->var,
                  pool_str(request_pool(r), scope_eval(&sub->scope, set->value)));
    verdict = judge(r, sub);
    request_sub_end(sub);
    asking->state = ASKING_NEW;
    asking->sub = NULL;
    return verdict;
}

static enum verdict authorize(struct request *r)
{
    const struct auth_request_conf *conf =
        REQUEST_CONF(r, auth_request_index, struct auth_request_conf);
    struct asking *asking;
    struct str uri;

    if (conf->uri->constant && str_eq(conf->uri->source, STR("off")))
        return GO_ON;
    if (r->ops->dry) {
        record(r, "access", "auth_request \"%" STR_FMT "\": assumed to answer 200",
               STR_ARG(conf->uri->source));
        return ALLOW;
    }
    asking = request_ctx(r, auth_request_index, sizeof(*asking));
    switch (asking->state) {
    case ASKING_NEW:
        uri = scope_eval(&r->scope, conf->uri);
        return str_eq(uri, STR("off")) ? GO_ON : ask(r, asking, uri);
    case ASKING_RUNS:
        return WAIT_EVENT;
    case ASKING_ANSWERED:
        break;
    }
    return finish(r, asking, conf);
}

const struct module auth_request_module = {
    .name = "auth_request", .nginx_name = "http_auth_request_module",
    .doc = "Access by the answer to a subrequest.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct auth_request_conf),
    .phase = PHASE_ACCESS, .handler = authorize, .index = &auth_request_index,
    .idle_without = &auth_request_module,
};
