/*
 * worker/upstream/moving.c - from names in the zone to versions of a group.
 *
 * In the zone each name has a record, and the record a block of addresses that is replaced as a
 * whole: a process that dies under the lock leaves the old one or the new one.
 */
#include "worker/upstream/moving.h"

#include <stdlib.h>

#include "common/log.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/changes.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/sticky.h"

#define POOL_BYTES 4096

/* In the zone. */
struct found_name {
    uint64_t next;
    uint64_t key;              /* of group, server and service */
    uint64_t block;            /* struct found_block; 0: no address */
    uint64_t changed;          /* peer_zone.version when it did */
    uint64_t over;             /* load_sum of the server, if it follows its name */
    uint32_t asked;            /* at least once */
};

struct found_block {
    uint32_t count;
    struct resolved_addr addrs[];
};

/* Names in the zone ---------------------------------------------------------------------------- */

static uint64_t name_key(const struct upstream_group *group, const struct upstream_server *server)
{
    return (str_hash_fixed(group->name) * 31 + str_hash_fixed(server->lookup)) * 31 +
           (uint64_t)server->port * 2 + server->backup;
}

static struct found_name *find_name(struct zone *z, uint64_t key)
{
    const struct peer_zone *root = zone_root(z);
    struct found_name *n = zone_ptr(z, root->names);

    while (n != NULL && n->key != key)
        n = zone_ptr(z, n->next);
    return n;
}

/* NULL when there is no room. */
static struct found_name *get_name(struct zone *z, uint64_t key)
{
    struct peer_zone *root = zone_root(z);
    struct found_name *n = find_name(z, key);

    if (n != NULL)
        return n;
    n = zone_alloc(z, sizeof(*n));
    if (n == NULL)
        return NULL;
    *n = (struct found_name){.next = root->names, .key = key};
    root->names = zone_offset(z, n);
    return n;
}

static void has_changed(struct zone *z, struct found_name *n)
{
    struct peer_zone *root = zone_root(z);

    must(root != NULL);
    n->asked = true;
    n->changed = root->version + 1;
    atomic_fetch_add_explicit(&root->version, 1, memory_order_release);
}

static const struct found_block *block_of(struct zone *z, const struct found_name *n)
{
    static const struct found_block none;

    return n == NULL || n->block == 0 ? &none : zone_ptr(z, n->block);
}

static bool is_same(const struct found_block *block, const struct resolved_addr *addrs,
                    uint32_t count)
{
    return block->count == count &&
           (count == 0 || memcmp(block->addrs, addrs, count * sizeof(*addrs)) == 0);
}

static struct found_block *make_block(struct zone *z, const struct resolved_addr *addrs,
                                      uint32_t count)
{
    struct found_block *block = zone_alloc(z, sizeof(*block) + count * sizeof(*addrs));

    if (block == NULL)
        return NULL;
    block->count = count;
    memcpy(block->addrs, addrs, count * sizeof(*addrs));
    return block;
}

static bool is_address_in(const struct resolved_addr *a, const struct resolved_addr *addrs,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a->family == addrs[i].family && a->port == addrs[i].port &&
            memcmp(a->bytes, addrs[i].bytes, sizeof(a->bytes)) == 0)
            return true;
    return false;
}

/* Records of peers that no longer are may be used for others. */
static void let_go(const struct upstream_group *group, const struct upstream_server *server,
                   const struct found_block *old, const struct resolved_addr *addrs,
                   uint32_t count)
{
    char text[ADDR_TEXT];
    struct addr addr;

    for (uint32_t i = 0; i < old->count; i++) {
        struct str name = {text, 0};

        if (is_address_in(&old->addrs[i], addrs, count))
            continue;
        resolved_addr(&old->addrs[i], server->port, &addr);
        name.len = addr_print(&addr, text, sizeof(text));
        peer_gone(group, name, false);
        peer_gone(group, name, true);
    }
}

static bool is_asked_for(const struct upstream_server *server)
{
    return server->resolve || server->follows;
}

struct resolved_addr moving_plain_addr(const struct addr *addr)
{
    struct resolved_addr out = {.family = addr->sa.sa_family};

    if (out.family == AF_INET)
        memcpy(out.bytes, &addr->in.sin_addr, 4);
    else if (out.family == AF_INET6)
        memcpy(out.bytes, &addr->in6.sin6_addr, 16);
    return out;
}

/* Of the addresses found at load, in any order: what was found later holds over these alone. 0 for
   a server that had none. */
static uint64_t load_sum(const struct upstream_server *server)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; server->follows && i < server->addrs->count; i++) {
        struct resolved_addr a = moving_plain_addr(&server->addrs->addrs[i]);

        sum += str_hash_fixed((struct str){(const char *)&a, sizeof(a)});
    }
    return sum;
}

/* Under the lock. */
static enum rc store(struct zone *z, const struct upstream_group *group,
                     const struct upstream_server *server, const struct resolved_addr *addrs,
                     uint32_t count)
{
    uint64_t key = name_key(group, server), over = load_sum(server);
    struct found_name *n = find_name(z, key);
    struct found_block *old, *new = NULL;

    if (n == NULL && server->follows && count == 0)
        return RC_AGAIN;
    n = get_name(z, key);
    if (n == NULL)
        return RC_ERROR;
    if (n->asked && n->over == over && is_same(block_of(z, n), addrs, count))
        return RC_AGAIN;
    if (count > 0 && (new = make_block(z, addrs, count)) == NULL)
        return RC_ERROR;
    old = zone_ptr(z, n->block);
    n->block = zone_offset(z, new);
    n->over = over;
    has_changed(z, n);
    if (old == NULL)
        return RC_OK;
    let_go(group, server, old, addrs, count);
    zone_free(z, old);
    return RC_OK;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct resolved_addr));
}

enum rc moving_store(const struct upstream_group *group, const struct upstream_server *server,
                     const struct resolved_addr *addrs, uint32_t count)
{
    struct resolved_addr sorted[FOUND_MOST];
    struct zone *z = peer_zone_of(group);
    enum rc rc;

    count = MIN(count, FOUND_MOST);
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = addrs[i];
    qsort(sorted, count, sizeof(*sorted), compare); /* that servers rotate them is no news */
    zone_lock(z);
    rc = store(z, group, server, sorted, count);
    zone_unlock(z);
    if (rc == RC_ERROR)
        log_error(&process_log, LOG_CRIT, 0,
                  "zone \"%s\" has no room for the addresses of upstream server %" STR_FMT,
                  z->name, STR_ARG(server->text));
    return rc;
}

static bool has_family(const struct resolved_addr *addrs, uint32_t count, uint16_t family)
{
    for (uint32_t i = 0; i < count; i++)
        if (addrs[i].family == family)
            return true;
    return false;
}

/* Of the families that the answer has, it has what was found at load. */
static bool is_as_loaded(const struct upstream_server *server, const struct resolved_addr *addrs,
                         uint32_t count)
{
    uint32_t same = 0;

    for (uint32_t i = 0; i < server->addrs->count; i++) {
        struct resolved_addr a = moving_plain_addr(&server->addrs->addrs[i]);
        bool there = is_address_in(&a, addrs, count);

        if (!there && has_family(addrs, count, a.family))
            return false;
        same += there;
    }
    return same == count;
}

enum rc moving_follow(const struct upstream_group *group, const struct upstream_server *server,
                      const struct resolved_addr *addrs, uint32_t count)
{
    return moving_store(group, server, addrs, is_as_loaded(server, addrs, count) ? 0 : count);
}

void moving_store_failure(const struct upstream_group *group,
                          const struct upstream_server *server)
{
    struct zone *z = peer_zone_of(group);
    struct found_name *n;

    zone_lock(z);
    n = get_name(z, name_key(group, server));
    if (n != NULL && !n->asked)
        has_changed(z, n);
    zone_unlock(z);
}

/* Versions ------------------------------------------------------------------------------------- */

/* A server's addresses, copied from the zone. */
struct found {
    const struct upstream_server *server;
    uint32_t count;
    uint16_t priority;         /* the best of a service */
    bool asked;
    struct resolved_addr addrs[FOUND_MOST];
};

static uint32_t count_moving(const struct upstream_group *group)
{
    uint32_t count = 0;

    EACH (struct upstream_server, s, &group->servers)
        count += is_asked_for(s);
    return count;
}

static void copy_found(struct zone *z, struct found *f, const struct upstream_group *group)
{
    const struct found_name *n = find_name(z, name_key(group, f->server));
    const struct found_block *block = block_of(z, n);

    if (n != NULL && n->over != load_sum(f->server))
        block = block_of(z, NULL);
    f->asked = n != NULL && n->asked;
    f->count = MIN(block->count, FOUND_MOST);
    memcpy(f->addrs, block->addrs, f->count * sizeof(f->addrs[0]));
}

static void find_priority(struct found *f)
{
    f->priority = UINT16_MAX;
    for (uint32_t i = 0; i < f->count; i++)
        f->priority = MIN(f->priority, f->addrs[i].priority);
}

/* All names of a group, in the order of its servers. */
static struct found *read_names(const struct upstream_group *group, struct pool *pool)
{
    struct zone *z = peer_zone_of(group);
    struct found *all = pool_alloc(pool, count_moving(group) * sizeof(*all)), *f = all;

    zone_lock(z);
    EACH (struct upstream_server, s, &group->servers) {
        if (!is_asked_for(s))
            continue;
        f->server = s;
        copy_found(z, f++, group);
    }
    zone_unlock(z);
    return all;
}

/* When the last of its names changed, or its servers did. 0: never, all is as configured. */
static uint64_t last_change(const struct upstream_group *group)
{
    struct zone *z = peer_zone_of(group);
    uint64_t last;

    zone_lock(z);
    last = changes_number(group);
    EACH (struct upstream_server, s, &group->servers) {
        const struct found_name *n = is_asked_for(s) ? find_name(z, name_key(group, s)) : NULL;

        last = n == NULL || n->over != load_sum(s) ? last : MAX(last, n->changed);
    }
    zone_unlock(z);
    return last;
}

/* Which records of a service are backups: those that are not of the best priority. Of a server that
   is a backup itself, and where a balancer knows no backups, they are left out. */
static bool belongs(const struct upstream_group *group, const struct found *f, uint32_t i,
                    bool backup)
{
    if (f->addrs[i].priority == f->priority)
        return f->server->backup == backup;
    return backup && !f->server->backup && !group->balancer->no_backup;
}

/* The server's line, with what the address's record says. */
static const struct upstream_server *server_for(struct pool *pool,
                                                const struct upstream_server *server,
                                                const struct resolved_addr *found, bool backup)
{
    int64_t weight = server->weight > 1 || found->weight == 0 ? server->weight : found->weight;
    struct upstream_server *own;

    if (weight == server->weight && backup == server->backup)
        return server;
    own = pool_alloc(pool, sizeof(*own));
    *own = *server;
    own->weight = weight;
    own->backup = backup;
    return own;
}

static void name_peer(struct pool *pool, struct peer *peer)
{
    char *text = pool_bytes(pool, ADDR_TEXT);

    peer->name = (struct str){text, addr_print(&peer->addr, text, ADDR_TEXT)};
}

static struct peer *add_found(struct upstream_group *v, struct peer *peer, const struct found *f,
                              bool backup)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (!belongs(v, f, i, backup))
            continue;
        *peer = (struct peer){.server = server_for(v->pool, f->server, &f->addrs[i], backup),
                              .group = v, .id = PEER_FOUND};
        resolved_addr(&f->addrs[i], f->server->port, &peer->addr);
        name_peer(v->pool, peer++);
    }
    return peer;
}

static struct peer *add_fixed(struct upstream_group *v, struct peer *peer,
                              const struct upstream_server *server)
{
    const struct upstream_server *configured = server->configured != NULL ? server->configured
                                                                         : server;
    const struct upstream_group *base = v->base;

    for (uint32_t i = 0; i < base->primaries + base->backups; i++) {
        if (base->peers[i].server != configured)
            continue;
        *peer = base->peers[i];
        peer->server = server;
        peer->group = v;
        peer++;
    }
    return peer;
}

/* One that follows its name: of the addresses it had at load those that it still has, or that are
   of a family nobody knows better of; then the others. */
static struct peer *add_followed(struct upstream_group *v, struct peer *peer, const struct found *f)
{
    struct peer *end = add_fixed(v, peer, f->server), *kept = peer;
    uint32_t loaded = (uint32_t)(end - peer);

    if (f->count == 0)
        return end;
    for (uint32_t i = 0; i < loaded; i++) {
        struct resolved_addr a = moving_plain_addr(&peer[i].addr);

        if (is_address_in(&a, f->addrs, f->count) || !has_family(f->addrs, f->count, a.family))
            *kept++ = peer[i];
    }
    for (uint32_t i = 0; i < f->count; i++) {
        struct addr addr;
        bool known = false;

        resolved_addr(&f->addrs[i], f->server->port, &addr);
        for (struct peer *p = peer; p < kept && !known; p++)
            known = addr_eq(&p->addr, &addr);
        if (known)
            continue;
        *kept = (struct peer){.server = f->server, .group = v, .id = PEER_FOUND, .addr = addr};
        name_peer(v->pool, kept++);
    }
    return kept;
}

static struct peer *add_new(struct upstream_group *v, struct peer *peer,
                            const struct upstream_server *server)
{
    for (uint32_t i = 0; i < server->addrs->count; i++, peer++) {
        *peer = (struct peer){.server = server, .group = v, .id = PEER_FOUND,
                              .addr = server->addrs->addrs[i]};
        name_peer(v->pool, peer);
    }
    return peer;
}

static struct peer *add_peers(struct upstream_group *v, struct peer *peer, const struct found *f,
                              bool backup)
{
    EACH (struct upstream_server, s, &v->servers) {
        if (s->resolve)
            peer = add_found(v, peer, f++, backup);
        else if (s->follows)
            peer = s->backup == backup ? add_followed(v, peer, f++) : (f++, peer);
        else if (s->backup == backup)
            peer = server_is_new(s) ? add_new(v, peer, s) : add_fixed(v, peer, s);
    }
    return peer;
}

static void count_tries(struct upstream_group *v)
{
    v->tries = 0;
    for (uint32_t i = 0; i < v->primaries + v->backups; i++)
        v->tries += !v->peers[i].server->down;
}

/* The servers as they are by now. */
static void take_changes(struct upstream_group *v)
{
    struct array changes = changes_read(v->base, v->pool, NULL);

    if (changes.count == 0)
        return;
    v->servers = changes_apply(v->base, &changes, v->pool);
    EACH (struct upstream_server, s, &v->servers)
        v->counted |= s->max_conns > 0;
}

static struct upstream_group *make_version(const struct upstream_group *base)
{
    struct pool *pool = pool_create(POOL_BYTES), *scratch = pool_create(POOL_BYTES);
    struct upstream_group *v = pool_alloc(pool, sizeof(*v));
    uint32_t count = base->primaries + base->backups, names;
    struct found *found;
    struct peer *end;

    *v = *base;
    v->base = base;
    v->pool = pool;
    v->refs = 1;
    v->moves = true;
    take_changes(v);
    found = read_names(v, scratch);
    names = count_moving(v);
    for (uint32_t i = 0; i < names; i++) {
        find_priority(&found[i]);
        count += found[i].count;
        v->unasked |= found[i].server->resolve && !found[i].asked;
    }
    count += (uint32_t)v->servers.count; /* some may be new: with one address each */
    v->peers = pool_zalloc(pool, MAX(count, 1) * sizeof(*v->peers));
    end = add_peers(v, v->peers, found, false);
    v->primaries = (uint32_t)(end - v->peers);
    end = add_peers(v, end, found, true);
    v->backups = (uint32_t)(end - v->peers) - v->primaries;
    v->single = v->primaries == 1 && v->backups == 0;
    v->counted |= v->balancer->counted && !v->single;
    count_tries(v);
    if (v->sticky != NULL)
        sticky_name_peers(pool, v);
    peer_attach_found(v);
    if (v->balancer->build != NULL && v->primaries > 0)
        v->balancer->build(pool, v);
    pool_destroy(scratch);
    return v;
}

void moving_drop(struct upstream_group *version)
{
    if (version != NULL && --version->refs == 0)
        pool_destroy(version->pool);
}

static void drop(void *version)
{
    moving_drop(version);
}

/* Peers that stay keep their connections; those of the others are of no use. */
static void replace_version(struct group_live *live, struct upstream_group *version)
{
    struct upstream_group *old = live->version;

    live->version = version;
    keepalive_move(live);
    moving_drop(old);
}

/* NULL: the group is as configured. */
static struct upstream_group *current(const struct upstream_group *group)
{
    const struct upstream_group *base = group->base != NULL ? group->base : group;
    struct group_live *live = peer_group_live(group);
    struct peer_zone *root = zone_root(peer_zone_of(group));
    uint64_t seen = atomic_load_explicit(&root->version, memory_order_acquire), change;

    if (likely(live->seen == seen && (live->version != NULL || !base->moves)))
        return live->version;
    live->seen = seen;
    change = last_change(live->version != NULL ? live->version : base);
    if (live->version == NULL ? base->moves || change != 0 : live->change != change)
        replace_version(live, make_version(base));
    live->change = change;
    return live->version;
}

bool moving_may_differ(const struct upstream_group *group)
{
    const struct group_live *live;

    if (group->moves)
        return true;
    live = peer_group_live(group);
    return live != NULL && live->watched != NULL &&
           (live->version != NULL ||
            atomic_load_explicit(live->watched, memory_order_relaxed) != live->seen);
}

const struct upstream_group *moving_hold(const struct upstream_group *group, struct pool *pool)
{
    struct upstream_group *version = current(group);

    if (version == NULL)
        return group;
    version->refs++;
    pool_on_destroy(pool, drop, version);
    return version;
}

bool moving_is_current(const struct upstream_group *version)
{
    const struct upstream_group *now = current(version);

    return now == NULL ? version->base == NULL : version == now;
}

const struct peer *moving_same(const struct peer *peer)
{
    const struct group_live *live = peer_group_live(peer->group);
    const struct upstream_group *version = live == NULL ? NULL : live->version;

    if (version == NULL || peer->group == version)
        return peer;
    for (uint32_t i = 0; i < version->primaries + version->backups; i++) {
        const struct peer *other = &version->peers[i];

        if (other->server->backup == peer->server->backup &&
            str_eq(other->server->text, peer->server->text) && addr_eq(&other->addr, &peer->addr))
            return other;
    }
    return NULL;
}
