/*
 * worker/upstream/lb_ip_hash.c - clients of one network stay with one peer.
 *
 * The key is an IPv4 address without its last number, or a whole IPv6 address; clients of a unix
 * socket count as 0.0.0. The sums are nginx's, so that a client finds the peer that it had there.
 */
#include "worker/upstream/lb_ip_hash.h"

#include <netinet/in.h>

#include "common/clock.h"
#include "worker/net/scope.h"
#include "worker/upstream/balancer.h"
#include "worker/upstream/dial.h"

#define START  89
#define FACTOR 113
#define RANGE  6271

static size_t key_of(const struct dial *d, uint8_t key[16])
{
    struct addr client;

    memset(key, 0, 16);
    if (d->scope == NULL || !scope_client(d->scope, &client))
        return 3;
    if (client.any.ss_family == AF_INET6) {
        memcpy(key, &client.in6.sin6_addr, 16);
        return 16;
    }
    if (client.any.ss_family == AF_INET)
        memcpy(key, &client.in.sin_addr, 3);
    return 3;
}

static void begin(struct dial *d)
{
    d->choice.hash = START;
}

/* Each look goes on from where the last one ended. */
static const struct peer *look(struct dial *d, const uint8_t *key, size_t len, uint32_t total)
{
    for (size_t i = 0; i < len; i++)
        d->choice.hash = (d->choice.hash * FACTOR + key[i]) % RANGE;
    return balancer_peer_at(d->group, d->choice.hash % total);
}

static const struct peer *pick(struct dial *d)
{
    uint32_t total = balancer_total_weight(d->group);
    int64_t now_s = clock_mono_ms / 1000;
    uint8_t key[16];
    size_t len = key_of(d, key);

    while (!d->group->single && d->choice.looks <= BALANCER_LOOKS) {
        const struct peer *peer = look(d, key, len, total);

        if (balancer_may_pick(d, peer, now_s))
            return peer;
        d->choice.looks++;
    }
    return round_robin.pick(d);
}

static const struct balancer ip_hash = {
    .name = "ip_hash", .no_backup = true, .no_slow_start = true, .begin = begin, .pick = pick,
};

static bool set_ip_hash(struct conf_call *call)
{
    return balancer_set(call, &ip_hash);
}

static const struct directive directives[] = {
    {.name = "ip_hash", .where = IN_UPSTREAM, .args = "", .apply = set_ip_hash,
     .doc = "Clients whose IPv4 addresses begin with the same three numbers, or with the same IPv6 "
            "address, go to the same server."},
};

const struct module ip_hash_module = {
    .name = "ip_hash", .nginx_name = "http_upstream_ip_hash_module",
    .doc = "Balancing by the client's address.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
