/*
 * worker/net/resolver_conf.c - which name servers are asked.
 */
#include "worker/net/resolver_conf.h"

#ifdef WEIR_CARES
#include <ares_version.h>
#define LIBRARY "c-ares " ARES_VERSION_STR
#else
#define LIBRARY NULL
#endif

#include "common/addr_list.h"
#include "common/conf_value.h"
#include "common/generation.h"

#define DNS_PORT 53

uint32_t resolver_index;

static bool bad_parameter(struct conf_call *call, uint32_t i)
{
    return conf_fail_arg(call, i, "invalid parameter: %" STR_FMT, STR_ARG(conf_arg(call, i)));
}

static bool read_family(struct conf_call *call, uint32_t i, struct str value, bool *off)
{
    bool on;

    if (!conf_flag(value, &on))
        return bad_parameter(call, i);
    *off = !on;
    return true;
}

static bool read_valid(struct conf_call *call, uint32_t i, struct str value,
                       struct resolver_spec *spec)
{
    int64_t seconds;

    if (!conf_sec(value, &seconds) || seconds == 0)
        return bad_parameter(call, i);
    spec->valid_ms = seconds * 1000;
    return true;
}

static bool add_server(struct conf_call *call, uint32_t i, struct resolver_spec *spec)
{
    struct str text = conf_arg(call, i);
    struct addr_list *list;
    const char *why = "unix domain sockets are not supported";

    list = str_starts(text, STR("unix:"))
               ? NULL
               : addr_list_add(call->gen, call->node, text, DNS_PORT, &why);
    if (list == NULL)
        return conf_fail_arg(call, i, "%s in resolver \"%" STR_FMT "\"", why, STR_ARG(text));
    list->whose = "resolver ";
    *(struct addr_list **)array_push(&spec->servers) = list;
    return true;
}

static bool read_word(struct conf_call *call, uint32_t i, struct resolver_spec *spec)
{
    struct str value;

    if (conf_arg_is(call, i, "valid=", &value))
        return read_valid(call, i, value, spec);
    if (conf_arg_is(call, i, "ipv4=", &value))
        return read_family(call, i, value, &spec->no_ipv4);
    if (conf_arg_is(call, i, "ipv6=", &value))
        return read_family(call, i, value, &spec->no_ipv6);
    if (conf_arg_is(call, i, "status_zone=", &value))
        return conf_fail_arg(call, i, "\"status_zone\" is not supported: nothing here shows "
                                      "statistics of a resolver");
    return add_server(call, i, spec);
}

static struct str join(struct conf_call *call)
{
    struct str text = conf_arg(call, 0);

    for (uint32_t i = 1; i < call->count; i++)
        text = pool_printf(call->pool, "%" STR_FMT " %" STR_FMT, STR_ARG(text),
                           STR_ARG(conf_arg(call, i)));
    return text;
}

static struct resolver_spec *find(const struct generation *gen, struct str text)
{
    struct resolver_spec *spec = gen->resolvers;

    while (spec != NULL && !str_eq(spec->text, text))
        spec = spec->next;
    return spec;
}

static struct resolver_spec *add(struct conf_call *call, struct str text)
{
    struct resolver_spec *spec = pool_zalloc(call->pool, sizeof(*spec));
    struct resolver_spec *newest = call->gen->resolvers;

    spec->text = text;
    spec->servers = array_of(struct addr_list *, call->pool);
    spec->id = newest == NULL ? 0 : newest->id + 1;
    spec->next = newest;
    for (uint32_t i = 0; i < call->count; i++)
        if (!read_word(call, i, spec))
            return NULL;
    if (spec->servers.count == 0) {
        conf_fail(call, "no name servers defined");
        return NULL;
    }
    if (spec->no_ipv4 && spec->no_ipv6) {
        conf_fail(call, "\"ipv4\" and \"ipv6\" cannot both be \"off\"");
        return NULL;
    }
    call->gen->resolvers = spec;
    return spec;
}

struct resolver_spec *resolver_conf_read(struct conf_call *call)
{
    struct str text = join(call);
    struct resolver_spec *spec = find(call->gen, text);

    if (resolver_dns == NULL) {
        conf_fail(call, "\"%s\" is not supported without c-ares", call->directive->name);
        conf_hint(call, "install its development files and build again");
        return NULL;
    }
    return spec != NULL ? spec : add(call, text);
}

static bool set_resolver(struct conf_call *call)
{
    struct resolver_conf *conf = call->conf;

    conf->resolver = resolver_conf_read(call);
    return conf->resolver != NULL;
}

#define F(member) FIELD(struct resolver_conf, member)

static const struct directive directives[] = {
    {.name = "resolver", .where = IN_WEB | IN_UPSTREAM,
     .args = "address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]",
     .field = F(resolver), .apply = set_resolver,
     .doc = "The name servers that are asked for names met at run time: each an address or a name, "
            "with a port other than 53 if need be. \"valid\" replaces the time that answers hold."},
    {.name = "resolver_timeout", .where = IN_WEB | IN_UPSTREAM, .args = "time", .value = VALUE_MS,
     .field = F(timeout_ms), .initial = "30s",
     .doc = "How long looking up a name may take."},
};

const struct module resolver_module = {
    .name = "resolver", .library = LIBRARY,
    .doc = "Addresses of names that are met at run time.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct resolver_conf),
    .worker_stop = resolver_stop,
    .index = &resolver_index,
};
