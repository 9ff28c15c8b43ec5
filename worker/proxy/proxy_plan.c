/*
 * worker/proxy/proxy_plan.c - header fields towards the origin.
 */
#include "worker/proxy/proxy_plan.h"

#include "common/generation.h"

/* Directives ----------------------------------------------------------------------------------- */

bool proxy_plan_set_header(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;
    struct send_field field = {.name = conf_arg(call, 0), .kind = SEND_TEMPLATE};
    const char *why;

    if (!field_name_is_safe(field.name))
        return conf_fail_arg(call, 0, "invalid field name \"%" STR_FMT "\"", STR_ARG(field.name));
    field.id = (uint8_t)field_find_id(field.name);
    field.value = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 1), &why);
    if (field.value == NULL)
        return conf_fail_arg(call, 1, "%s", why);
    *(struct send_field *)array_push(origin_list(call, &conf->set_headers, sizeof(field))) = field;
    return true;
}

/* The plan ------------------------------------------------------------------------------------- */

/* Sent unless configured otherwise, in this order; those without a value only replace the
   client's. */
static const struct {
    struct str name;
    enum send_kind kind;
    bool sent;
} defaults[] = {
    {STR_INIT("Host"), SEND_HOST, true},
    {STR_INIT("Connection"), SEND_CONNECTION, true},
    {STR_INIT("Content-Length"), SEND_LENGTH, true},
    {STR_INIT("Transfer-Encoding"), SEND_CODING, true},
    {STR_INIT("TE"), SEND_TRAILERS, true},
    {STR_INIT("Keep-Alive"), SEND_TEMPLATE, false},
    {STR_INIT("Expect"), SEND_TEMPLATE, false},
    {STR_INIT("Upgrade"), SEND_TEMPLATE, false},
    {STR_INIT("HTTP2-Settings"), SEND_TEMPLATE, false}, /* RFC 7540, 3.2.1: of this hop */
};

static bool is_empty(const struct send_field *f)
{
    return f->value->constant && f->value->source.len == 0;
}

static void add_configured(struct send_plan *plan, const struct array *configured,
                           struct array *names)
{
    EACH (struct send_field, f, configured) {
        name_list_add(names, f->name);
        if (!is_empty(f))
            plan->fields[plan->count++] = *f;
    }
}

static void add_defaults(struct send_plan *plan, struct array *names)
{
    for (size_t i = 0; i < COUNT(defaults); i++) {
        if (name_list_has(names, defaults[i].name))
            continue;
        name_list_add(names, defaults[i].name);
        if (defaults[i].sent)
            plan->fields[plan->count++] = (struct send_field){
                .name = defaults[i].name, .id = (uint8_t)field_find_id(defaults[i].name),
                .kind = defaults[i].kind,
            };
    }
}

static struct send_plan *make_plan(struct conf_call *call, const struct array *configured)
{
    struct send_plan *plan = pool_zalloc(call->pool, sizeof(*plan));
    struct array names = array_of(struct str, call->pool);
    size_t most = COUNT(defaults) + (configured == NULL ? 0 : configured->count);

    plan->source = configured;
    plan->fields = pool_alloc(call->pool, most * sizeof(*plan->fields));
    if (configured != NULL)
        add_configured(plan, configured, &names);
    plan->sets_upgrade = name_list_has(&names, STR("Upgrade"));
    plan->sets_connection = name_list_has(&names, STR("Connection"));
    add_defaults(plan, &names);
    name_set_build(&plan->replaced, call->pool, &names);
    return plan;
}

void proxy_plan_finish(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    if (conf->plan == NULL || conf->plan->source != conf->set_headers)
        conf->plan = make_plan(call, conf->set_headers);
}
