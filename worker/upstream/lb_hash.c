/*
 * worker/upstream/lb_hash.c - requests with the same key go to the same peer.
 *
 * Two ways. The plain one divides the key's checksum by the total weight, as Cache::Memcached does:
 * a change in the group moves nearly every key. The consistent one is ketama: each server owns 160
 * points for each of its weight on a circle, a key belongs to the next point, and a change in the
 * group moves few keys. Both give nginx's peers.
 */
#include "worker/upstream/lb_hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/clock.h"
#include "common/conf_value.h"
#include "worker/net/scope.h"
#include "worker/net/scope_conf.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

#define POINTS_PER_WEIGHT 160

struct point {
    uint32_t hash;
    const struct upstream_server *server;
};

struct circle {
    uint32_t count;
    struct point points[];
};

/* What balancer_key and balancer_data of a group are: the key's template, and the circle. */

/* zlib takes no bytes at NULL for the wish to begin anew. */
static uint32_t sum(uint32_t crc, struct str text)
{
    if (text.len == 0)
        return crc;
    return (uint32_t)crc32(crc, (const Bytef *)text.data, (uInt)text.len);
}

static void begin(struct dial *d)
{
    if (d->scope != NULL)
        d->choice.key = scope_eval(d->scope, d->group->balancer_key);
}

static bool has_key(const struct dial *d)
{
    return !d->group->single && d->choice.key.len > 0;
}

/* The plain way -------------------------------------------------------------------------------- */

/* Each look adds another checksum of the key to the one before. */
static const struct peer *look(struct dial *d, uint32_t total)
{
    char prefix[12];
    uint32_t crc = 0;

    if (d->choice.looks > 0)
        crc = sum(crc, (struct str){prefix, (size_t)snprintf(prefix, sizeof(prefix), "%u",
                                                             d->choice.looks)});
    d->choice.hash += sum(crc, d->choice.key) >> 16 & 0x7fff;
    d->choice.looks++;
    return balancer_peer_at(d->group, d->choice.hash % total);
}

static const struct peer *pick_plain(struct dial *d)
{
    uint32_t total = balancer_total_weight(d->group);
    int64_t now_s = clock_mono_ms / 1000;

    while (has_key(d) && d->choice.misses <= BALANCER_LOOKS) {
        const struct peer *peer = look(d, total);

        if (balancer_may_pick(d, peer, now_s))
            return peer;
        d->choice.misses++;
    }
    return round_robin.pick(d);
}

static const struct balancer plain_hash = {
    .name = "hash", .no_backup = true, .no_slow_start = true, .begin = begin, .pick = pick_plain,
};

/* The consistent way --------------------------------------------------------------------------- */

/* "host\0port": the parts of an address as written; a unix socket's path has no port. */
static uint32_t server_sum(struct str text)
{
    struct str host = text, port = {NULL, 0};
    size_t at = text.len;

    if (str_starts(text, STR("unix:"))) {
        host = str_from(text, 5);
    } else {
        while (at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9')
            at--;
        if (at > 0 && text.data[at - 1] == ':') {
            host.len = at - 1;
            port = str_from(text, at);
        }
    }
    return sum(sum(sum(0, host), (struct str){"", 1}), port);
}

static struct point *add_points(struct point *at, const struct upstream_server *server)
{
    uint32_t base = server_sum(server->text), hash = 0;

    for (int64_t i = 0; i < server->weight * POINTS_PER_WEIGHT; i++, at++) {
        uint8_t last[4] = {(uint8_t)hash, (uint8_t)(hash >> 8), (uint8_t)(hash >> 16),
                           (uint8_t)(hash >> 24)};

        hash = sum(base, (struct str){(const char *)last, sizeof(last)});
        *at = (struct point){hash, server};
    }
    return at;
}

static int by_hash(const void *a, const void *b)
{
    const struct point *x = a, *y = b;

    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* One point for a hash: of equal ones the first. */
static uint32_t without_doubles(struct point *points, uint32_t count)
{
    uint32_t last = 0;

    for (uint32_t i = 1; i < count; i++)
        if (points[i].hash != points[last].hash)
            points[++last] = points[i];
    return last + 1;
}

static void build_circle(struct pool *pool, struct upstream_group *group)
{
    uint32_t count = 0;
    struct circle *circle;
    struct point *end;

    EACH (struct upstream_server, s, &group->servers)
        count += s->backup ? 0 : (uint32_t)s->weight * POINTS_PER_WEIGHT;
    circle = pool_alloc(pool, sizeof(*circle) + count * sizeof(circle->points[0]));
    end = circle->points;
    EACH (struct upstream_server, s, &group->servers)
        end = s->backup ? end : add_points(end, s);
    qsort(circle->points, count, sizeof(circle->points[0]), by_hash);
    circle->count = without_doubles(circle->points, count);
    group->balancer_data = circle;
}

/* The first point that is not before the hash; behind the last one the circle begins anew. */
static uint32_t find_point(const struct circle *circle, uint32_t hash)
{
    uint32_t from = 0, to = circle->count;

    while (from < to) {
        uint32_t middle = from + (to - from) / 2;

        if (circle->points[middle].hash < hash)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void begin_consistent(struct dial *d)
{
    begin(d);
    if (has_key(d))
        d->choice.hash = find_point(d->group->balancer_data, sum(0, d->choice.key));
}

/* A server's name may stand for several addresses: they take turns. */
static bool is_address_of(const struct peer *peer, const void *server)
{
    return str_eq(peer->server->text, ((const struct upstream_server *)server)->text);
}

static const struct peer *pick_consistent(struct dial *d)
{
    const struct circle *circle = d->group->balancer_data;

    while (has_key(d) && d->choice.misses <= BALANCER_LOOKS) {
        const struct point *point = &circle->points[d->choice.hash % circle->count];
        const struct peer *peer = balancer_in_turn(d, 0, d->group->primaries, is_address_of,
                                                   point->server);

        if (peer != NULL)
            return peer;
        d->choice.hash++;
        d->choice.misses++;
    }
    return round_robin.pick(d);
}

static const struct balancer consistent_hash = {
    .name = "hash consistent", .no_backup = true, .no_slow_start = true, .build = build_circle,
    .begin = begin_consistent, .pick = pick_consistent,
};

/* Directives ----------------------------------------------------------------------------------- */

static bool set_hash(struct conf_call *call)
{
    struct upstream_group *group = call->scope->owner;
    bool consistent = call->count > 1;

    if (consistent && !str_eq(conf_arg(call, 1), STR("consistent")))
        return conf_fail_arg(call, 1, "invalid parameter \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 1)));
    group->balancer_key = scope_conf_template(call, call->node, 1);
    return group->balancer_key != NULL &&
           balancer_set(call, consistent ? &consistent_hash : &plain_hash);
}

static const struct directive directives[] = {
    {.name = "hash", .where = IN_UPSTREAM, .args = "key [consistent]", .apply = set_hash,
     .doc = "Requests with the same key go to the same server. With \"consistent\", few keys move "
            "when a server is added or removed."},
};

const struct module hash_module = {
    .name = "hash", .nginx_name = "http_upstream_hash_module",
    .doc = "Balancing by a key.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
