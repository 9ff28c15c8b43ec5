/*
 * worker/proxy/origin_lookup.c - from an address computed for a request to the origins behind it.
 */
#include "worker/proxy/origin_lookup.h"

#include "worker/http/phase.h"
#include "worker/net/resolver_conf.h"

#define ADDRS_MOST 64 /* of a name, for one request */

#define RESOLVER_CONF(r) REQUEST_CONF(r, resolver_index, struct resolver_conf)

/* A group of the configuration by its name, else a literal address. NULL: a name to look up. */
static struct upstream_group *find_group(struct request *r, struct str host_port, int default_port)
{
    struct upstream_group *group = upstream_named(host_port);
    struct addr addr;
    const char *why;

    if (group != NULL)
        return group;
    if (!addr_parse(&addr, host_port, default_port, &why))
        return NULL;
    return upstream_group_of(request_pool(r), host_port, &addr, 1);
}

bool origin_locate(struct request *r, struct proxy_pass *target, struct str host_port,
                   int default_port)
{
    const char *why;

    target->group = find_group(r, host_port, default_port);
    if (target->group != NULL)
        return true;
    if (!addr_split(host_port, &target->lookup, &target->lookup_port, &why)) {
        log_error(&r->log, LOG_ERROR, 0, "%s in upstream \"%" STR_FMT "\"", why,
                  STR_ARG(host_port));
        return false;
    }
    if (target->lookup_port < 0)
        target->lookup_port = default_port;
    if (RESOLVER_CONF(r)->resolver != NULL || r->ops->dry)
        return true;
    log_error(&r->log, LOG_ERROR, 0, "no resolver defined to resolve %" STR_FMT,
              STR_ARG(target->lookup));
    return false;
}

struct resolve *origin_ask(struct request *r, const struct proxy_pass *target, struct post *done)
{
    const struct resolver_conf *conf = RESOLVER_CONF(r);
    struct resolve *lookup = pool_zalloc(request_pool(r), sizeof(*lookup));

    lookup->name = target->lookup;
    lookup->timeout_ms = conf->timeout_ms;
    lookup->done = done;
    resolve_start(conf->resolver, lookup);
    return lookup;
}

const struct proxy_pass *origin_found(struct request *r, const struct proxy_pass *target,
                                      const struct resolve *lookup)
{
    struct proxy_pass *whole;
    struct addr *addrs;
    uint32_t count;

    if (lookup->state != RESOLVE_FOUND) {
        log_error(&r->log, LOG_ERROR, 0, "%" STR_FMT " could not be resolved (%d: %s)",
                  STR_ARG(target->lookup), (int)lookup->fault, resolve_fault_text(lookup->fault));
        return NULL;
    }
    count = MIN(lookup->answer->count, ADDRS_MOST);
    addrs = pool_alloc(request_pool(r), count * sizeof(*addrs));
    for (uint32_t i = 0; i < count; i++)
        resolve_addr(lookup, i, target->lookup_port, &addrs[i]);
    whole = pool_alloc(request_pool(r), sizeof(*whole));
    *whole = *target;
    whole->group = upstream_group_of(request_pool(r), target->host, addrs, count);
    return whole;
}
