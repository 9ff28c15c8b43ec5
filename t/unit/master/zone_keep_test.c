/*
 * t/unit/master/zone_keep_test.c - a zone lives as long as a generation wants it unchanged.
 */
#include "master/zone_keep.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/generation.h"
#include "common/role.h"
#include "common/slots.h"
#include "common/zone.h"
#include "master/inherit.h"
#include "t/unit/tap.h"

const struct module *const modules[] = {NULL};
const struct role *const roles[] = {NULL};

extern char **environ;

static bool init(struct zone *z)
{
    return true;
}

static const struct zone_kind kind = {.name = "test", .layout_version = 1, .init = init};
static const struct zone_kind changed = {.name = "test", .layout_version = 2, .init = init};
static struct slots slots = {.shm.fd = -1};

/* A generation that wants one zone. */
static struct generation *wants(const char *name, int64_t bytes, uint32_t number)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct generation *gen = pool_zalloc(pool, sizeof(*gen));

    gen->pool = pool;
    gen->number = number;
    gen->zones = pool_zalloc(pool, sizeof(*gen->zones));
    *gen->zones = (struct zone_spec){.name = str_of(name), .bytes = bytes, .kind = &kind};
    return gen;
}

static void end(struct generation *gen)
{
    zone_keep_close(gen);
    pool_destroy(gen->pool);
}

static void keeps_what_is_the_same(void)
{
    struct generation *a = wants("one", 1 << 20, 1), *b = wants("one", 1 << 20, 2);
    struct generation *c = wants("one", 2 << 20, 3);
    struct zone *zone;

    ok(zone_keep_open(a, NULL, NULL, &slots), "a zone");
    zone = a->zones->zone;
    ok(zone_keep_open(b, a, NULL, &slots) && b->zones->zone == zone, "stays");
    ok(zone->slots == &slots, "and knows where its users book");
    end(a);
    is_str(zone->name, "one", "it outlives the first generation");
    ok(zone_keep_open(c, b, NULL, &slots) && c->zones->zone != zone, "another size is another");
    end(c);
    is_str(b->zones->zone->name, "one", "a reload that failed took nothing with it");
    end(b);
}

/* As a new binary would find it. */
static void survives_an_upgrade(const struct zone_kind *theirs, bool kept)
{
    struct generation *old = wants("a b", 1 << 20, 1), *new = wants("a b", 1 << 20, 1001);
    struct pool *pool = pool_create(POOL_BLOCK);
    char **outside = environ;
    struct inheritance in;
    uint64_t id;

    ok(zone_keep_open(old, NULL, NULL, &slots), "a zone");
    id = zone_id(old->zones->zone);
    old->zones->zone->shm.fd = dup(old->zones->zone->shm.fd); /* the other process's */
    environ = inherit_environment(old, &slots, pool, 1001);
    inherit_read(&in, pool);
    new->zones->kind = theirs;
    ok(zone_keep_open(new, NULL, &in, &slots), "the new binary has it too");
    ok((zone_id(new->zones->zone) == id) == kept, kept ? "with its contents" : "but a fresh one");
    inherit_close_rest(&in);
    environ = outside;
    old->zones->zone->shm.fd = -1;
    end(old);
    end(new);
    pool_destroy(pool);
}

int main(void)
{
    keeps_what_is_the_same();
    survives_an_upgrade(&kind, true);
    survives_an_upgrade(&changed, false);
    return tap_done();
}
