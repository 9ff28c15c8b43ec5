/*
 * worker/upstream/changes.c - the text of changes in the zone, and servers made of it.
 *
 * A change is a line: hash of the configured line, blank, server line. The server line of one that
 * was removed is its address behind a '-'. The block of text is replaced as a whole: a process that
 * dies under the lock leaves the old one or the new one.
 */
#include "worker/upstream/changes.h"

#include <stdio.h>

#include "common/conf_tree.h"
#include "worker/upstream/server_line.h"

/* In the zone. */
struct group_changes {
    uint64_t next;
    uint64_t key;              /* of the group */
    uint64_t block;            /* struct changes_block; 0: none */
    uint64_t changed;          /* peer_zone.version when they did */
};

struct changes_block {
    uint32_t bytes;
    char text[];
};

/* The zone ------------------------------------------------------------------------------------- */

static uint64_t key_of(const struct upstream_group *group)
{
    return str_hash_fixed(group->name);
}

static struct group_changes *find(struct zone *z, uint64_t key)
{
    const struct peer_zone *root = zone_root(z);
    struct group_changes *g = zone_ptr(z, root->changes);

    while (g != NULL && g->key != key)
        g = zone_ptr(z, g->next);
    return g;
}

/* NULL when there is no room. */
static struct group_changes *get(struct zone *z, uint64_t key)
{
    struct peer_zone *root = zone_root(z);
    struct group_changes *g = find(z, key);

    if (g != NULL)
        return g;
    g = zone_alloc(z, sizeof(*g));
    if (g == NULL)
        return NULL;
    *g = (struct group_changes){.next = root->changes, .key = key};
    root->changes = zone_offset(z, g);
    return g;
}

uint64_t changes_number(const struct upstream_group *group)
{
    const struct group_changes *g = find(peer_zone_of(group), key_of(group));

    return g == NULL ? 0 : g->changed;
}

/* Under the lock. */
static struct str copy_text(struct zone *z, const struct group_changes *g, struct pool *pool)
{
    const struct changes_block *block = g == NULL ? NULL : zone_ptr(z, g->block);

    if (block == NULL)
        return STR_NONE;
    return pool_str(pool, (struct str){block->text, MIN(block->bytes, CHANGES_MOST)});
}

/* Under the lock. */
static enum rc replace(struct zone *z, uint64_t key, struct str text)
{
    struct group_changes *g = get(z, key);
    struct changes_block *block = NULL, *old;
    struct peer_zone *root = zone_root(z);

    if (g == NULL)
        return RC_ERROR;
    if (text.len > 0) {
        block = zone_alloc(z, sizeof(*block) + text.len);
        if (block == NULL)
            return RC_ERROR;
        block->bytes = (uint32_t)text.len;
        memcpy(block->text, text.data, text.len);
    }
    old = zone_ptr(z, g->block);
    g->block = zone_offset(z, block);
    g->changed = root->version + 1;
    atomic_fetch_add_explicit(&root->version, 1, memory_order_release);
    if (old != NULL)
        zone_free(z, old);
    return RC_OK;
}

/* Changes as text ------------------------------------------------------------------------------ */

static bool read_change(struct server_change *c, struct str line)
{
    struct str hash = str_cut(&line, ' '), rest = line;

    if (!str_to_hex(hash, &c->over) || line.len == 0)
        return false;
    c->line = line;
    c->address = str_cut(&rest, ' ');
    if (c->address.data[0] != '-')
        return true;
    c->address = str_from(c->address, 1);
    c->line = STR_NONE;
    return true;
}

struct array changes_read(const struct upstream_group *group, struct pool *pool, uint64_t *number)
{
    struct array all = array_of(struct server_change, pool);
    struct zone *z = peer_zone_of(group);
    struct server_change c;
    struct str text;

    if (number != NULL)
        *number = 0;
    if (z == NULL)
        return all;
    zone_lock(z);
    text = copy_text(z, find(z, key_of(group)), pool);
    if (number != NULL)
        *number = changes_number(group);
    zone_unlock(z);
    while (text.len > 0)
        if (read_change(&c, str_cut(&text, '\n')))
            *(struct server_change *)array_push(&all) = c;
    return all;
}

static size_t print_change(char *out, size_t room, const struct server_change *c)
{
    bool removed = c->line.len == 0;
    struct str line = removed ? c->address : c->line;
    int len = snprintf(out, room, "%016llx %s%" STR_FMT "\n", (unsigned long long)c->over,
                       removed ? "-" : "", STR_ARG(line));

    return (size_t)len;
}

enum rc changes_write(const struct upstream_group *group, const struct array *changes,
                      uint64_t number)
{
    struct zone *z = peer_zone_of(group);
    struct pool *pool = pool_create(POOL_BLOCK);
    char *text = pool_alloc(pool, CHANGES_MOST);
    size_t len = 0;
    enum rc rc;

    EACH (const struct server_change, c, changes) {
        len += print_change(text + len, CHANGES_MOST - len, c);
        if (len >= CHANGES_MOST) {
            pool_destroy(pool);
            return RC_ERROR;
        }
    }
    zone_lock(z);
    rc = changes_number(group) != number ? RC_AGAIN
                                         : replace(z, key_of(group), (struct str){text, len});
    zone_unlock(z);
    pool_destroy(pool);
    return rc;
}

const struct server_change *changes_find(const struct array *changes, struct str address,
                                         uint64_t over)
{
    EACH (const struct server_change, c, changes)
        if (c->over == over && str_eq(c->address, address))
            return c;
    return NULL;
}

/* Lines ---------------------------------------------------------------------------------------- */

struct str server_line_text(const struct upstream_server *s, struct pool *pool)
{
    size_t len = 0;
    char *out, *p;

    if (s->node == NULL)
        return s->text;
    for (uint32_t i = 1; i < s->node->count; i++)
        len += s->node->words[i].text.len + 1;
    out = p = pool_bytes(pool, len);
    for (uint32_t i = 1; i < s->node->count; i++) {
        struct str word = s->node->words[i].text;

        if (i > 1)
            *p++ = ' ';
        memcpy(p, word.data, word.len);
        p += word.len;
    }
    return str_range(out, p);
}

uint64_t server_line_hash(struct str line)
{
    uint64_t hash = str_hash_fixed(line);

    return hash == 0 ? 1 : hash;
}

static const char *complain(struct pool *pool, const char *why, struct str word)
{
    return pool_printf(pool, "%s \"%" STR_FMT "\"", why, STR_ARG(word)).data;
}

/* What is no address is asked for by name, until it is found if not for ever. */
static const char *find_address(struct upstream_server *s, struct pool *pool)
{
    struct addr_list *list;
    const char *why = server_line_name(pool, s);
    struct addr addr;

    if (why != NULL || s->resolve)
        return why;
    if (s->lookup.len == 0)
        return complain(pool, "no host in upstream", s->text);
    if (!addr_parse(&addr, s->text, 80, &why)) {
        if (str_starts(s->text, STR("unix:")))
            return complain(pool, why, s->text);
        s->resolve = s->unresolved = true;
        s->port = s->port < 0 ? 80 : s->port;
        return NULL;
    }
    list = pool_zalloc(pool, sizeof(*list));
    *list = (struct addr_list){.text = s->text, .default_port = 80, .count = 1,
                               .addrs = pool_alloc(pool, sizeof(addr))};
    list->addrs[0] = addr;
    s->addrs = list;
    return NULL;
}

const char *server_line_read(struct upstream_server *s, struct str line, struct pool *pool)
{
    server_line_init(s, str_cut(&line, ' '));
    while (line.len > 0) {
        struct str word = str_cut(&line, ' ');
        const char *why = server_line_take(s, word);

        if (why != NULL)
            return complain(pool, why, word);
    }
    return find_address(s, pool);
}

/* Servers -------------------------------------------------------------------------------------- */

/* The line may say all but where the server is: that its addresses are known for. */
static void change(struct upstream_server *s, const struct server_change *c, struct pool *pool)
{
    const struct upstream_server *configured = s->configured;
    struct upstream_server new;

    if (server_line_read(&new, c->line, pool) != NULL)
        return;
    *s = new;
    s->configured = configured;
    s->changed = true;
    s->text = configured->text;
    s->addrs = configured->addrs;
    s->backup = configured->backup;
    s->resolve = configured->resolve;
    s->unresolved = configured->unresolved;
    s->follows = configured->follows;
    s->service = configured->service;
    s->lookup = configured->lookup;
    s->port = configured->port;
    s->node = configured->node;
}

static bool is_configured(const struct upstream_group *base, struct str address)
{
    EACH (const struct upstream_server, s, &base->servers)
        if (str_eq(s->text, address))
            return true;
    return false;
}

struct array changes_apply(const struct upstream_group *base, const struct array *changes,
                           struct pool *pool)
{
    struct array all = array_of(struct upstream_server, pool);

    EACH (const struct upstream_server, s, &base->servers) {
        const struct server_change *c = NULL;
        struct upstream_server *copy;

        if (changes->count > 0)
            c = changes_find(changes, s->text, server_line_hash(server_line_text(s, pool)));
        if (c != NULL && c->line.len == 0)
            continue;
        copy = array_push(&all);
        *copy = *s;
        copy->configured = s;
        if (c != NULL)
            change(copy, c, pool);
    }
    EACH (const struct server_change, c, changes) {
        struct upstream_server s;

        if (c->over != 0 || c->line.len == 0 || is_configured(base, c->address) ||
            server_line_read(&s, c->line, pool) != NULL)
            continue;
        s.changed = true;
        *(struct upstream_server *)array_push(&all) = s;
    }
    return all;
}

struct array changes_servers(const struct upstream_group *base, struct pool *pool)
{
    struct array changes = changes_read(base, pool, NULL);

    return changes.count == 0 ? base->servers : changes_apply(base, &changes, pool);
}
