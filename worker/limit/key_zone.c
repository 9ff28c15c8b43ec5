/*
 * worker/limit/key_zone.c - a zone that maps keys to small records.
 *
 * A node enters its chain, and leaves it, by one store. So after a death the chains name all nodes
 * there are, and everything else follows from them.
 */
#include "worker/limit/key_zone.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/net/scope.h"
#include "worker/net/scope_conf.h"

#define BYTES_PER_BUCKET 256 /* of the zone */

struct key_table {
    uint64_t newest, oldest;
    uint64_t mask;              /* of buckets */
    uint64_t bucket[];
};

/* The table ------------------------------------------------------------------------------------ */

static struct key_node *node_at(struct zone *z, uint64_t offset)
{
    return zone_ptr(z, offset);
}

bool key_zone_init(struct zone *z)
{
    uint64_t buckets = 16;
    struct key_table *table;

    while (buckets * 2 * BYTES_PER_BUCKET <= z->bytes)
        buckets *= 2;
    table = zone_alloc(z, sizeof(*table) + buckets * sizeof(*table->bucket));
    if (table == NULL)
        return false;
    memset(table, 0, sizeof(*table) + buckets * sizeof(*table->bucket));
    table->mask = buckets - 1;
    zone_set_root(z, zone_offset(z, table));
    return true;
}

static uint64_t *bucket_of(struct key_table *table, uint64_t hash)
{
    return &table->bucket[(hash >> 32) & table->mask];
}

struct key_node *key_zone_find(struct zone *z, struct str key)
{
    struct key_table *table = zone_root(z);
    uint64_t hash = str_hash_fixed(key);
    struct key_node *node = node_at(z, *bucket_of(table, hash));

    while (node != NULL && (node->hash != hash || node->key_len != key.len ||
                            memcmp(node->key, key.data, key.len) != 0))
        node = node_at(z, node->next);
    return node;
}

/* Order of use --------------------------------------------------------------------------------- */

static void link_newest(struct zone *z, struct key_table *table, struct key_node *node)
{
    uint64_t at = zone_offset(z, node);

    node->newer = 0;
    node->older = table->newest;
    if (table->newest != 0)
        node_at(z, table->newest)->newer = at;
    else
        table->oldest = at;
    table->newest = at;
}

static void unlink_node(struct zone *z, struct key_table *table, struct key_node *node)
{
    *(node->newer != 0 ? &node_at(z, node->newer)->older : &table->newest) = node->older;
    *(node->older != 0 ? &node_at(z, node->older)->newer : &table->oldest) = node->newer;
}

void key_zone_touch(struct zone *z, struct key_node *node)
{
    struct key_table *table = zone_root(z);

    if (table->newest == zone_offset(z, node))
        return;
    unlink_node(z, table, node);
    link_newest(z, table, node);
}

struct key_node *key_zone_oldest(struct zone *z)
{
    return node_at(z, ((struct key_table *)zone_root(z))->oldest);
}

struct key_node *key_zone_newer(struct zone *z, const struct key_node *node)
{
    return node_at(z, node->newer);
}

/* Changes -------------------------------------------------------------------------------------- */

/* What is written before must be in memory before what is written after, should we die between. */
static void publish(uint64_t *at, uint64_t offset)
{
    atomic_signal_fence(memory_order_seq_cst);
    *(volatile uint64_t *)at = offset;
    atomic_signal_fence(memory_order_seq_cst);
}

struct key_node *key_zone_add(struct zone *z, struct str key)
{
    struct key_node *node = zone_alloc(z, sizeof(*node) + key.len);
    struct key_table *table = zone_root(z);
    uint64_t *bucket;

    if (node == NULL)
        return NULL;
    *node = (struct key_node){.hash = str_hash_fixed(key), .key_len = (uint32_t)key.len};
    memcpy(node->key, key.data, key.len);
    bucket = bucket_of(table, node->hash);
    node->next = *bucket;
    publish(bucket, zone_offset(z, node));
    link_newest(z, table, node);
    return node;
}

void key_zone_remove(struct zone *z, struct key_node *node)
{
    struct key_table *table = zone_root(z);
    uint64_t *link = bucket_of(table, node->hash), at = zone_offset(z, node);

    while (*link != at)
        link = &node_at(z, *link)->next;
    publish(link, node->next);
    unlink_node(z, table, node);
    zone_free(z, node);
}

/* After a death -------------------------------------------------------------------------------- */

/* False when a chain leads to what is no node: the zone is not to be trusted. */
static bool keep_chain(struct zone *z, struct key_table *table, uint64_t at)
{
    while (at != 0) {
        struct key_node *node;

        if (at >= z->bytes || !slab_keep(zone_slab(z), at))
            return false;
        node = node_at(z, at);
        node->count = 0;
        link_newest(z, table, node);
        at = node->next;
    }
    return true;
}

bool key_zone_repair(struct zone *z)
{
    struct key_table *table = zone_root(z);

    if (table == NULL)
        return false;
    slab_sweep_begin(zone_slab(z));
    if (!slab_keep(zone_slab(z), zone_offset(z, table)))
        return false;
    table->newest = table->oldest = 0;
    for (uint64_t i = 0; i <= table->mask; i++) {
        if (!keep_chain(z, table, table->bucket[i]))
            return false;
    }
    slab_sweep_end(zone_slab(z));
    return true;
}

struct key_node *key_zone_booked(struct zone *z, uint64_t count_offset)
{
    uint64_t at = count_offset - offsetof(struct key_node, count);

    if (count_offset < offsetof(struct key_node, count) || count_offset >= z->bytes ||
        slab_usable_bytes(zone_slab(z), at) < sizeof(struct key_node))
        return NULL;
    return node_at(z, at);
}

/* Configuration -------------------------------------------------------------------------------- */

struct key_zone_conf *key_zone_declare(struct conf_call *call, uint32_t arg, struct str text,
                                       const struct zone_kind *kind)
{
    struct key_zone_conf *conf = pool_zalloc(call->pool, sizeof(*conf));
    struct str size = text, name = str_cut(&size, ':');
    const char *why;
    int64_t bytes;

    conf->key = scope_conf_template(call, call->node, 1);
    if (conf->key == NULL)
        return NULL;
    if (name.len == 0 || size.data == NULL || !conf_size(size, &bytes)) {
        conf_fail_arg(call, arg, "invalid zone %s \"%" STR_FMT "\"",
                      name.len == 0 ? "name" : "size", STR_ARG(conf_arg(call, arg)));
        conf_hint(call, "as in zone=one:10m");
        return NULL;
    }
    if (bytes < ZONE_MIN_BYTES) {
        conf_fail_arg(call, arg, "zone \"%" STR_FMT "\" is too small",
                      STR_ARG(conf_arg(call, arg)));
        conf_hint(call, "at least %dk", ZONE_MIN_BYTES / 1024);
        return NULL;
    }
    conf->spec = generation_zone(call->gen, name, bytes, kind, call->node, &why);
    if (conf->spec == NULL) {
        conf_fail_arg(call, arg, "%s", why);
        return NULL;
    }
    if (conf->spec->data != NULL) {
        conf_fail_arg(call, arg, "%s \"%" STR_FMT "\" is already bound to key \"%" STR_FMT "\"",
                      call->directive->name, STR_ARG(name),
                      STR_ARG(((struct key_zone_conf *)conf->spec->data)->key->source));
        return NULL;
    }
    conf->spec->data = conf;
    return conf;
}

/* At run time ---------------------------------------------------------------------------------- */

bool key_zone_key(struct scope *s, const struct key_zone_conf *conf, struct str *key)
{
    *key = scope_eval(s, conf->key);
    if (key->len > KEY_MOST)
        log_error(s->log, LOG_ERROR, 0, "the value of the \"%" STR_FMT "\" key is more than 65535 "
                  "bytes: \"%.32s...\"", STR_ARG(conf->key->source), key->data);
    return key->len > 0 && key->len <= KEY_MOST;
}
