/*
 * t/unit/limit/limit_kit.h - a zone, a rule and a scope with a fixed key, for tests of limits.
 */
#pragma once

#include "common/clock.h"
#include "common/generation.h"
#include "worker/limit/key_zone.h"
#include "worker/net/scope.h"

struct limit_kit {
    struct pool *pool;
    struct template key;
    struct key_zone_conf conf;
    struct zone_spec spec;
};

static inline void limit_kit_init(struct limit_kit *kit, const struct zone_kind *kind,
                                  size_t bytes)
{
    const char *why;

    kit->pool = pool_create(POOL_BLOCK);
    kit->key = (struct template){.constant = true, .source = STR_INIT("client")};
    kit->conf = (struct key_zone_conf){.key = &kit->key, .spec = &kit->spec};
    kit->spec = (struct zone_spec){.name = STR_INIT("one"), .kind = kind, .data = &kit->conf};
    kit->spec.zone = zone_create(kind, kit->spec.name, bytes, &why);
    must(kit->spec.zone != NULL);
}

static inline void limit_kit_fini(struct limit_kit *kit)
{
    zone_destroy(kit->spec.zone);
    pool_destroy(kit->pool);
}

static inline struct scope limit_kit_scope(struct limit_kit *kit, struct pool *pool)
{
    return (struct scope){.pool = pool, .log = &process_log};
}
