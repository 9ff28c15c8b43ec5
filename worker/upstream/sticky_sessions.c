/*
 * worker/upstream/sticky_sessions.c - sessions that origins began, in a zone: key to peer.
 *
 * A record is whole before it is linked, but for its peer: one that a death left without is of no
 * use, and does no harm.
 */
#include "worker/upstream/sticky_sessions.h"

#include "common/clock.h"
#include "common/digest.h"
#include "worker/limit/key_zone.h"

#define OLD_AT_ONCE 2 /* sessions that are over, removed for each one that is made */
#define EVICT_MOST  8 /* for one that finds no room */

const struct zone_kind sticky_zone_kind = {
    .name = "sticky", .layout_version = 1, .init = key_zone_init, .repair = key_zone_repair,
};

static struct str digest_of(struct str key, uint8_t out[DIGEST_MAX])
{
    return (struct str){(const char *)out, digest(DIGEST_MD5, key, out)};
}

static bool is_over(const struct key_node *node, int64_t timeout_ms)
{
    return clock_mono_ms - node->last_ms > timeout_ms;
}

uint64_t sticky_session_find(struct zone *z, struct str key, int64_t timeout_ms)
{
    uint8_t memory[DIGEST_MAX];
    struct str name = digest_of(key, memory);
    struct key_node *node;
    uint64_t route = 0;

    zone_lock(z);
    node = key_zone_find(z, name);
    if (node != NULL && is_over(node, timeout_ms)) {
        key_zone_remove(z, node);
    } else if (node != NULL) {
        node->last_ms = clock_mono_ms;
        key_zone_touch(z, node);
        route = node->value;
    }
    zone_unlock(z);
    return route;
}

static void remove_old(struct zone *z, int64_t timeout_ms)
{
    for (int i = 0; i < OLD_AT_ONCE; i++) {
        struct key_node *oldest = key_zone_oldest(z);

        if (oldest == NULL || !is_over(oldest, timeout_ms))
            return;
        key_zone_remove(z, oldest);
    }
}

static struct key_node *add(struct zone *z, struct str name)
{
    struct key_node *node = key_zone_add(z, name), *oldest;

    for (int i = 0; node == NULL && i < EVICT_MOST; i++) {
        oldest = key_zone_oldest(z);
        if (oldest == NULL)
            return NULL;
        key_zone_remove(z, oldest);
        node = key_zone_add(z, name);
    }
    return node;
}

bool sticky_session_set(struct zone *z, struct str key, uint64_t route, int64_t timeout_ms)
{
    uint8_t memory[DIGEST_MAX];
    struct str name = digest_of(key, memory);
    struct key_node *node;

    zone_lock(z);
    remove_old(z, timeout_ms);
    node = key_zone_find(z, name);
    if (node == NULL)
        node = add(z, name);
    else
        key_zone_touch(z, node);
    if (node != NULL) {
        node->last_ms = clock_mono_ms;
        node->value = route;
    }
    zone_unlock(z);
    return node != NULL;
}
