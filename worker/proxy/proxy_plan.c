/*
 * worker/proxy/proxy_plan.c - header fields towards the origin, and those kept from the client.
 */
#include "worker/proxy/proxy_plan.h"

#include "common/generation.h"

/* Sets of names -------------------------------------------------------------------------------- */

bool name_set_has(const struct name_set *set, struct str name, uint8_t id)
{
    if (id != FIELD_OTHER)
        return (set->ids[id / 64] >> (id % 64) & 1) != 0;
    return set->others.count > 0 && hash_find(&set->others, name) != NULL;
}

static bool has_text(const struct array *names, struct str name)
{
    EACH (struct str, n, names)
        if (str_eq_nocase(*n, name))
            return true;
    return false;
}

static void set_build(struct name_set *set, struct pool *pool, const struct array *names)
{
    struct hash_item *items = pool_alloc(pool, (names->count + 1) * sizeof(*items));
    size_t count = 0;

    memset(set, 0, sizeof(*set));
    EACH (struct str, name, names) {
        enum field_id id = field_find_id(*name);

        if (id == FIELD_OTHER)
            items[count++] = (struct hash_item){.key = *name, .value = set};
        else
            set->ids[id / 64] |= UINT64_C(1) << (id % 64);
    }
    if (count > 0)
        must(hash_build(&set->others, pool, items, count, true, NULL));
}

static void add_name(struct array *names, struct str name)
{
    if (!has_text(names, name))
        *(struct str *)array_push(names) = name;
}

/* Directives ----------------------------------------------------------------------------------- */

static struct array *list_of(struct conf_call *call, struct array **list, size_t item_bytes)
{
    if (*list == NULL) {
        *list = pool_zalloc(call->pool, sizeof(**list));
        **list = (struct array){.item_bytes = item_bytes, .pool = call->pool};
    }
    return *list;
}

bool proxy_plan_set_header(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;
    struct send_field field = {.name = conf_arg(call, 0), .kind = SEND_TEMPLATE};
    const char *why;

    field.id = (uint8_t)field_find_id(field.name);
    field.value = template_compile(call->pool, &call->gen->http_vars, conf_arg(call, 1), &why);
    if (field.value == NULL)
        return conf_fail_arg(call, 1, "%s", why);
    *(struct send_field *)array_push(list_of(call, &conf->set_headers, sizeof(field))) = field;
    return true;
}

bool proxy_plan_hide(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    add_name(list_of(call, &conf->hide, sizeof(struct str)), conf_arg(call, 0));
    return true;
}

bool proxy_plan_pass(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    add_name(list_of(call, &conf->pass_names, sizeof(struct str)), conf_arg(call, 0));
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
    {STR_INIT("TE"), SEND_TEMPLATE, false},
    {STR_INIT("Keep-Alive"), SEND_TEMPLATE, false},
    {STR_INIT("Expect"), SEND_TEMPLATE, false},
    {STR_INIT("Upgrade"), SEND_TEMPLATE, false},
};

static bool is_empty(const struct send_field *f)
{
    return f->value->constant && f->value->source.len == 0;
}

static void add_configured(struct send_plan *plan, const struct array *configured,
                           struct array *names)
{
    EACH (struct send_field, f, configured) {
        add_name(names, f->name);
        if (!is_empty(f))
            plan->fields[plan->count++] = *f;
    }
}

static void add_defaults(struct send_plan *plan, struct array *names)
{
    for (size_t i = 0; i < COUNT(defaults); i++) {
        if (has_text(names, defaults[i].name))
            continue;
        add_name(names, defaults[i].name);
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
    add_defaults(plan, &names);
    set_build(&plan->replaced, call->pool, &names);
    return plan;
}

static const char *const always_hidden[] = {
    "Date", "Server", "X-Pad", "X-Accel-Expires", "X-Accel-Redirect", "X-Accel-Limit-Rate",
    "X-Accel-Buffering", "X-Accel-Charset",
};

static struct name_set *make_hidden(struct conf_call *call, const struct proxy_conf *conf)
{
    struct name_set *hidden = pool_alloc(call->pool, sizeof(*hidden));
    struct array names = array_of(struct str, call->pool);

    for (size_t i = 0; i < COUNT(always_hidden); i++) {
        struct str name = str_of(always_hidden[i]);

        if (conf->pass_names == NULL || !has_text(conf->pass_names, name))
            add_name(&names, name);
    }
    if (conf->hide != NULL)
        EACH (struct str, name, conf->hide)
            add_name(&names, *name);
    set_build(hidden, call->pool, &names);
    return hidden;
}

bool proxy_plan_finish(struct conf_call *call)
{
    struct proxy_conf *conf = call->conf;

    if (conf->plan == NULL || conf->plan->source != conf->set_headers)
        conf->plan = make_plan(call, conf->set_headers);
    if (conf->hidden == NULL || conf->hidden_of[0] != conf->hide ||
        conf->hidden_of[1] != conf->pass_names) {
        conf->hidden = make_hidden(call, conf);
        conf->hidden_of[0] = conf->hide;
        conf->hidden_of[1] = conf->pass_names;
    }
    return true;
}
