/*
 * worker/upstream/peer.c - the state of origins in the shared zone.
 *
 * A zone of peers is one table with open addressing. A record once used keeps its place; one that
 * only generations long gone have used may be given to another peer. So nothing moves, nothing is
 * freed, and after a death under the lock only the counts of connections have to be made anew.
 *
 * The rules of max_fails and fail_timeout are those that nginx's users know: a peer that failed
 * max_fails times within fail_timeout is left alone for that time, then one request may try it, and
 * forgiveness is complete when that goes well. Each failure costs it part of its weight, which it
 * wins back step by step.
 */
#include "worker/upstream/peer.h"

#include <stdlib.h>

#include "common/booking.h"
#include "common/clock.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/role.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/secure.h"

#define OLD_GENERATIONS 16 /* a record that no younger one uses may go to another peer */

struct peer_table {
    uint32_t cap;
    struct peer_state peers[];
};

/* This worker's view, by peer and group id. */
static struct peer_state **states;
static struct group_live *groups;
static uint32_t group_count;
static const struct upstream_set *attached;
static struct peer_state *own_states; /* of peers for which there was no room in a zone */

/* The zone ------------------------------------------------------------------------------------- */

int64_t peer_zone_bytes(uint32_t peers)
{
    return (int64_t)(sizeof(struct zone_header) + sizeof(struct peer_table) + 4 * SLAB_PAGE +
                     (size_t)peers * sizeof(struct peer_state));
}

static bool init_zone(struct zone *z)
{
    size_t bytes = z->bytes / SLAB_PAGE * SLAB_PAGE;
    struct peer_table *table = NULL;

    /* As much as the slab has in one run. */
    while (table == NULL && bytes >= SLAB_PAGE) {
        bytes -= SLAB_PAGE;
        table = bytes >= SLAB_PAGE ? zone_alloc(z, bytes) : NULL;
    }
    if (table == NULL)
        return false;
    memset(table, 0, bytes);
    table->cap = (uint32_t)((bytes - sizeof(*table)) / sizeof(table->peers[0]));
    zone_set_root(z, zone_offset(z, table));
    return true;
}

/* The count of connections that a booking is part of; NULL if it is none of ours. */
static uint32_t *booked(struct zone *z, const struct booking *b)
{
    uint64_t table = z->header->root;

    if (b->kind == BOOKING_PEER && b->key > table && b->key + sizeof(uint32_t) <= z->bytes)
        return zone_ptr(z, b->key);
    return NULL;
}

static void recount(struct zone *z, const struct booking *b)
{
    uint32_t *count = booked(z, b);

    if (count != NULL)
        *count += b->n;
}

static bool repair_zone(struct zone *z)
{
    struct peer_table *table = zone_root(z);

    if (table == NULL)
        return false;
    for (uint32_t i = 0; i < table->cap; i++)
        table->peers[i].conns = 0;
    booking_recount(z, recount);
    return true;
}

const struct zone_kind peer_zone_kind = {
    .name = "upstream", .layout_version = 1, .init = init_zone, .repair = repair_zone,
    .booked = booked,
};

/* Attaching ------------------------------------------------------------------------------------ */

static uint64_t peer_key(const struct peer *peer)
{
    uint64_t key = str_hash_fixed(peer->group->name) * 31 + str_hash_fixed(peer->name) * 2 +
                   peer->server->backup;

    return key == 0 ? 1 : key;
}

static bool is_abandoned(const struct peer_state *s, uint32_t generation)
{
    return s->conns == 0 && s->generation + OLD_GENERATIONS < generation;
}

/* The peer's record; made if there is room. NULL: the table is full. */
static struct peer_state *find_state(struct peer_table *table, uint64_t key, uint32_t generation)
{
    struct peer_state *spare = NULL;

    for (uint32_t i = 0; i < table->cap; i++) {
        struct peer_state *s = &table->peers[(key + i) % table->cap];

        if (s->key == key)
            return s;
        if (spare == NULL && (s->key == 0 || is_abandoned(s, generation)))
            spare = s;
        if (s->key == 0)
            break;
    }
    if (spare != NULL)
        *spare = (struct peer_state){.key = key};
    return spare;
}

static void refresh(struct peer_state *s, const struct peer *peer, uint32_t generation)
{
    s->generation = MAX(s->generation, generation);
    if (s->weight == peer->server->weight)
        return;
    s->weight = (uint32_t)peer->server->weight;
    s->effective_weight = s->weight;
    s->current_weight = 0;
}

static struct zone *zone_of(const struct upstream_group *group)
{
    return group->zone == NULL ? NULL : group->zone->zone;
}

static void attach_peer(const struct peer *peer, uint32_t generation)
{
    struct zone *z = zone_of(peer->group);
    struct peer_state *s = NULL;

    if (z != NULL)
        s = find_state(zone_root(z), peer_key(peer), generation);
    if (s == NULL && z != NULL)
        log_error(&process_log, LOG_WARN, 0,
                  "zone \"%s\" has no room for upstream server %" STR_FMT
                  ": its state is not shared", z->name, STR_ARG(peer->name));
    if (s == NULL)
        s = &own_states[peer->id];
    refresh(s, peer, generation);
    states[peer->id] = s;
}

void peer_lock(const struct upstream_group *group)
{
    struct zone *z = zone_of(group);

    if (z != NULL)
        zone_lock(z);
}

void peer_unlock(const struct upstream_group *group)
{
    struct zone *z = zone_of(group);

    if (z != NULL)
        zone_unlock(z);
}

void peer_attach(struct upstream_set *set, uint32_t generation)
{
    attached = set;
    if (set == NULL)
        return;
    group_count = set->groups;
    groups = calloc(set->groups, sizeof(*groups));
    states = calloc(set->peers, sizeof(struct peer_state *));
    own_states = calloc(set->peers, sizeof(*own_states));
    must(groups != NULL && states != NULL && own_states != NULL);
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next) {
        list_init(&groups[g->id].idle);
        peer_lock(g);
        for (uint32_t i = 0; i < g->primaries + g->backups; i++)
            attach_peer(&g->peers[i], generation);
        peer_unlock(g);
    }
}

void peer_detach(void)
{
    for (uint32_t i = 0; i < group_count; i++)
        keepalive_close_all(&groups[i]);
    free(groups);
    free(states);
    free(own_states);
    groups = NULL;
    states = NULL;
    own_states = NULL;
    group_count = 0;
    attached = NULL;
}

const struct upstream_set *peer_attached(void)
{
    return attached;
}

enum rc peer_worker_start(const struct child *child)
{
    peer_attach(child->gen->upstreams, child->gen->number);
    return RC_OK;
}

void peer_worker_stop(void)
{
    secure_forget();
    peer_detach();
}

struct group_live *peer_group_live(const struct upstream_group *group)
{
    return group->id == UINT32_MAX ? NULL : &groups[group->id];
}

struct peer_state *peer_state(const struct peer *peer)
{
    return peer->id == UINT32_MAX ? NULL : states[peer->id];
}

/* Choosing and judging ------------------------------------------------------------------------- */

bool peer_usable(const struct peer *peer, const struct peer_state *state, int64_t now_s)
{
    const struct upstream_server *server = peer->server;

    if (server->down)
        return false;
    if (server->max_conns > 0 && state->conns >= server->max_conns)
        return false;
    return peer->group->single || server->max_fails == 0 || state->fails < server->max_fails ||
           now_s - state->checked_s > server->fail_timeout_s;
}

static struct slots *slots_of(const struct zone *z)
{
    return z != NULL && z->slots != NULL && z->slots->mine != SLOTS_NONE ? z->slots : NULL;
}

void peer_chosen(const struct peer *peer, int64_t now_s, struct booking **booking)
{
    struct peer_state *state = peer_state(peer);
    struct zone *z = zone_of(peer->group);

    *booking = NULL;
    if (now_s - state->checked_s > peer->server->fail_timeout_s)
        state->checked_s = now_s;
    if (!peer->group->counted)
        return;
    if (slots_of(z) == NULL)
        state->conns++;
    else
        *booking = booking_take(z, BOOKING_PEER, zone_offset(z, &state->conns), 1, &state->conns);
}

/* True when the peer is left alone from now on. */
static bool note_failure(const struct upstream_server *server, struct peer_state *state)
{
    state->fails++;
    state->failed_s = state->checked_s = clock_mono_ms / 1000;
    if (server->max_fails == 0)
        return false;
    state->effective_weight -= server->weight / server->max_fails;
    state->effective_weight = MAX(state->effective_weight, 0);
    return state->fails >= server->max_fails;
}

static void give_back(const struct peer *peer, struct peer_state *state, struct booking *booking)
{
    struct zone *z = zone_of(peer->group);

    if (!peer->group->counted)
        return;
    if (booking != NULL)
        booking_release(z, booking, &state->conns);
    else if (slots_of(z) == NULL && state->conns > 0)
        state->conns--;
}

/* A success after the last failure's period makes all good again. */
static bool is_forgiven(const struct peer_state *state)
{
    return state->fails > 0 && state->failed_s < state->checked_s;
}

void peer_result(const struct peer *peer, enum peer_result result, struct booking *booking,
                 struct log *log)
{
    struct peer_state *state = peer_state(peer);
    const struct upstream_group *group = peer->group;
    bool disabled = false;

    if (state == NULL || (group->single && !group->counted))
        return;
    if (!group->counted && result != PEER_FAILED && !is_forgiven(state))
        return; /* read without the lock: at worst one more success is needed */
    peer_lock(group);
    if (result == PEER_FAILED && !group->single)
        disabled = note_failure(peer->server, state);
    else if (result == PEER_GOOD && is_forgiven(state))
        state->fails = 0;
    give_back(peer, state, booking);
    peer_unlock(group);
    if (disabled)
        log_error(log, LOG_WARN, 0, "upstream server temporarily disabled");
}
