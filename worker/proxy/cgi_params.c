/*
 * worker/proxy/cgi_params.c - parameters of FastCGI, uwsgi and SCGI.
 *
 * A parameter HTTP_X_Y takes the place of the client's X-Y. That is settled once for a scope: the
 * names are turned into those of fields and put into a set.
 */
#include "worker/proxy/cgi_params.h"

#include "common/fmt.h"
#include "common/generation.h"

#define NAME_MOST 256 /* bytes of a field's name with '_' in it that can be replaced */

struct cgi_param {
    struct str name;
    struct template *value;
    bool if_not_empty;
};

struct cgi_plan {
    const struct array *source; /* the list it was made of */
    struct cgi_param *params;
    uint32_t count;
    struct name_set replaced;   /* of the client's fields */
};

const struct word cgi_next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"invalid_header", NEXT_INVALID_HEADER},
    {"non_idempotent", NEXT_NON_IDEMPOTENT}, {"http_500", NEXT_500}, {"http_503", NEXT_503},
    {"http_403", NEXT_403}, {"http_404", NEXT_404}, {"http_429", NEXT_429}, {"same", NEXT_SAME},
    {"denied", NEXT_DENIED}, {"off", NEXT_OFF}, {NULL, 0},
};

const char *const cgi_hidden[] = {
    "Status", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate", "X-Accel-Buffering",
    "X-Accel-Charset", NULL,
};

/* Loading -------------------------------------------------------------------------------------- */

bool cgi_params_set(struct conf_call *call)
{
    struct cgi_conf *conf = call->conf;
    struct cgi_param param = {.name = conf_arg(call, 0), .if_not_empty = call->count > 2};
    const char *why;

    if (param.if_not_empty && !str_eq(conf_arg(call, 2), STR("if_not_empty")))
        return conf_fail_arg(call, 2, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 2)));
    param.value = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 1), &why);
    if (param.value == NULL)
        return conf_fail_arg(call, 1, "%s", why);
    *(struct cgi_param *)array_push(origin_list(call, &conf->params, sizeof(param))) = param;
    return true;
}

static bool is_field(struct str name)
{
    return str_starts(name, STR(CGI_FIELD_PREFIX)) && name.len > sizeof(CGI_FIELD_PREFIX) - 1;
}

/* "X_Y" is how the field X-Y is written here. */
static struct str with_dashes(char *into, struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        into[i] = name.data[i] == '_' ? '-' : name.data[i];
    return (struct str){into, name.len};
}

static void add_param(struct conf_call *call, struct cgi_plan *plan, struct array *names,
                      const struct cgi_param *param)
{
    struct str rest = str_from(param->name, MIN(param->name.len, sizeof(CGI_FIELD_PREFIX) - 1));

    if (is_field(param->name)) {
        name_list_add(names, with_dashes(pool_bytes(call->pool, rest.len), rest));
        if (param->value->constant && param->value->source.len == 0)
            return; /* neither the client's nor ours */
    }
    plan->params[plan->count++] = *param;
}

/* The host that was asked for, whatever Host says beside an absolute target. */
static void add_host(struct conf_call *call, struct cgi_plan *plan, struct array *names)
{
    struct cgi_param host = {.name = STR("HTTP_HOST")};
    const char *why;

    if (name_list_has(names, STR("Host")))
        return;
    host.value = template_compile(call->pool, &call->gen->http_vars,
                                  STR("$host$is_request_port$request_port"), &why);
    must(host.value != NULL);
    add_param(call, plan, names, &host);
}

static struct cgi_plan *make_plan(struct conf_call *call, const struct array *params)
{
    struct cgi_plan *plan = pool_zalloc(call->pool, sizeof(*plan));
    struct array names = array_of(struct str, call->pool);

    plan->source = params;
    plan->params = pool_alloc(call->pool, ((params == NULL ? 0 : params->count) + 1) *
                                              sizeof(*plan->params));
    if (params != NULL)
        EACH (struct cgi_param, param, params)
            add_param(call, plan, &names, param);
    add_host(call, plan, &names);
    name_set_build(&plan->replaced, call->pool, &names);
    return plan;
}

void cgi_params_finish(struct conf_call *call)
{
    struct cgi_conf *conf = call->conf;

    if (conf->plan == NULL || conf->plan->source != conf->params)
        conf->plan = make_plan(call, conf->params);
}

/* For a request -------------------------------------------------------------------------------- */

static bool is_replaced(const struct cgi_plan *plan, const struct http_field *f)
{
    char text[NAME_MOST];
    struct str name;

    if ((f->flags & FIELD_DELETED) != 0 || name_set_has(&plan->replaced, f->name, f->id))
        return true;
    if (f->id != FIELD_OTHER || f->name.len > sizeof(text) || str_find(f->name, '_') < 0)
        return false;
    name = with_dashes(text, f->name);
    return name_set_has(&plan->replaced, name, (uint8_t)field_find_id(name));
}

/* Whether a field of this name came before: then its value is part of that one's. */
static bool is_repeated(const struct http_fields *fields, const struct http_field *f)
{
    if (f->id != FIELD_OTHER)
        return fields_find(fields, (enum field_id)f->id) != f;
    for (const struct http_field *at = fields->items; at < f; at++)
        if (at->id == FIELD_OTHER && str_eq_nocase(at->name, f->name))
            return true;
    return false;
}

static void add_fields(struct request *r, const struct cgi_plan *plan, struct cgi_pairs *to)
{
    EACH_FIELD (f, r->fields) {
        if (is_replaced(plan, f) || is_repeated(r->fields, f))
            continue;
        to->pairs[to->count++] = (struct cgi_pair){
            .name = f->name, .value = fields_join(r->fields, f, request_pool(r)), .field = true,
        };
    }
}

struct cgi_pairs cgi_params_collect(struct proxy_run *run)
{
    const struct cgi_plan *plan = ((const struct cgi_conf *)(const void *)run->conf)->plan;
    struct request *r = run->r;
    struct cgi_pairs out = {.count = 0};

    out.pairs = pool_alloc(request_pool(r), (plan->count + r->fields->count) * sizeof(*out.pairs));
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct cgi_param *param = &plan->params[i];
        struct str value = scope_eval(&r->scope, param->value);

        if (value.len > 0 || !param->if_not_empty)
            out.pairs[out.count++] = (struct cgi_pair){.name = param->name, .value = value};
    }
    if (run->conf->pass_headers)
        add_fields(r, plan, &out);
    return out;
}

char *cgi_name_print(char *out, const struct cgi_pair *pair)
{
    if (!pair->field)
        return fmt_str(out, pair->name);
    out = FMT_LIT(out, CGI_FIELD_PREFIX);
    for (size_t i = 0; i < pair->name.len; i++) {
        char c = pair->name.data[i];

        *out++ = (char)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return out;
}
