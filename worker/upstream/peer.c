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
#include "common/random.h"
#include "common/role.h"
#include "worker/upstream/breaker.h"
#include "worker/upstream/check.h"
#include "worker/upstream/keepalive.h"
#include "worker/upstream/moving.h"
#include "worker/upstream/peer_use.h"
#include "worker/upstream/secure.h"

#define OLD_GENERATIONS 16 /* a record that no younger one uses may go to another peer */
#define GONE_S          60 /* so may that of an address that is gone: nobody dials it any more */

struct peer_table {
    uint32_t cap;
    struct peer_state peers[];
};

/* This worker's view, by peer and group id. */
static struct peer_state **states;
static struct peer_history **histories; /* NULL members: of groups without a breaker */
static struct group_live *groups;
static uint32_t group_count;
static const struct upstream_set *attached;
static uint32_t attaches; /* users of all that: a worker may be the keeper too */
static struct peer_state *own_states; /* of peers for which there was no room in a zone */
static struct pool *own_pool;           /* of histories that are not shared */
static uint32_t own_generation;

/* The zone ------------------------------------------------------------------------------------- */

int64_t peer_zone_bytes(uint32_t peers)
{
    return (int64_t)(sizeof(struct zone_header) + sizeof(struct peer_table) + 4 * SLAB_PAGE +
                     2 * (size_t)peers * sizeof(struct peer_state));
}

static struct peer_table *make_table(struct zone *z, size_t bytes)
{
    struct peer_table *table = NULL;

    while (table == NULL && bytes >= SLAB_PAGE) {
        table = zone_alloc(z, bytes);
        bytes -= table == NULL ? SLAB_PAGE : 0;
    }
    if (table == NULL)
        return NULL;
    if (!zone_is_new(z))
        memset(table, 0, bytes); /* else it stays untouched, and costs no memory */
    table->cap = (uint32_t)((bytes - sizeof(*table)) / sizeof(table->peers[0]));
    return table;
}

/* Half of it is the table; names get the rest. */
static bool init_zone(struct zone *z)
{
    struct peer_zone *root = zone_alloc(z, sizeof(*root));
    struct peer_table *table = make_table(z, z->bytes / 2 / SLAB_PAGE * SLAB_PAGE);

    if (root == NULL || table == NULL)
        return false;
    *root = (struct peer_zone){.table = zone_offset(z, table), .version = random_quick()};
    zone_set_root(z, zone_offset(z, root));
    return true;
}

static struct peer_table *table_of(struct zone *z)
{
    const struct peer_zone *root = zone_root(z);

    return root == NULL ? NULL : zone_ptr(z, root->table);
}

struct peer_state *peer_zone_table(struct zone *z, uint32_t *count)
{
    struct peer_table *table = table_of(z);

    *count = table == NULL ? 0 : table->cap;
    return table == NULL ? NULL : table->peers;
}

/* The count of connections that a booking is part of; NULL if it is none of ours. */
static uint32_t *booked(struct zone *z, const struct booking *b)
{
    uint64_t table = zone_offset(z, table_of(z));

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
    struct peer_table *table = table_of(z);

    if (table == NULL)
        return false;
    for (uint32_t i = 0; i < table->cap; i++)
        table->peers[i].conns = table->peers[i].probes = table->peers[i].pending =
            table->peers[i].since = 0;
    booking_recount(z, recount);
    return true;
}

const struct zone_kind peer_zone_kind = {
    .name = "upstream", .layout_version = 8, .init = init_zone, .repair = repair_zone,
    .booked = booked,
};

/* Attaching ------------------------------------------------------------------------------------ */

static uint64_t key_of(const struct upstream_group *group, struct str name, bool backup)
{
    uint64_t key = str_hash_fixed(group->name) * 31 + str_hash_fixed(name) * 2 + backup;

    return key == 0 ? 1 : key;
}

static uint64_t peer_key(const struct peer *peer)
{
    return key_of(peer->group, peer->name, peer->server->backup);
}

static bool is_abandoned(const struct peer_state *s, uint32_t generation)
{
    if (s->conns > 0 || s->probes > 0 || s->pending > 0)
        return false;
    return s->generation + OLD_GENERATIONS < generation ||
           (s->gone_s > 0 && clock_mono_ms / 1000 - s->gone_s > GONE_S);
}

/* The record's next peer has none of the last one's past, but its memory: some worker may not know
   yet that the last one is gone. */
static void give_to(struct zone *z, struct peer_state *s, uint64_t key)
{
    struct peer_history *history = zone_ptr(z, s->history);

    *s = (struct peer_state){.key = key, .history = s->history};
    if (history != NULL)
        memset(history, 0, sizeof(*history));
}

/* The peer's record; made if there is room. NULL: the table is full. */
static struct peer_state *find_state(struct zone *z, uint64_t key, uint32_t generation)
{
    struct peer_table *table = table_of(z);
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
        give_to(z, spare, key);
    return spare;
}

static void refresh(struct peer_state *s, const struct peer *peer, uint32_t generation)
{
    s->generation = MAX(s->generation, generation);
    s->gone_s = 0;
    if (s->weight == peer->server->weight)
        return;
    s->weight = (uint32_t)peer->server->weight;
    s->effective_weight = s->weight;
    s->current_weight = 0;
}

struct zone *peer_zone_of(const struct upstream_group *group)
{
    return group->zone == NULL ? NULL : group->zone->zone;
}

/* Its record in the zone, or `own` where there is no room. */
static struct peer_state *attach_peer(const struct peer *peer, uint32_t generation,
                                      struct peer_state *own)
{
    struct zone *z = peer_zone_of(peer->group);
    struct peer_state *s = NULL;

    if (z != NULL)
        s = find_state(z, peer_key(peer), generation);
    if (s == NULL && z != NULL)
        log_error(&process_log, LOG_WARN, 0,
                  "zone \"%s\" has no room for upstream server %" STR_FMT
                  ": its state is not shared", z->name, STR_ARG(peer->name));
    if (s == NULL)
        s = own;
    else
        check_attach(peer, s, generation);
    refresh(s, peer, generation);
    return s;
}

/* Memory for a history: the record's in the zone, or the pool's. Under the lock. */
static struct peer_history *attach_history(struct zone *z, struct peer_state *s,
                                           struct pool *pool, struct str name)
{
    struct peer_history *history;

    if (z == NULL || s == NULL)
        return pool_zalloc(pool, sizeof(*history));
    if (s->history == 0 && (history = zone_alloc(z, sizeof(*history))) != NULL) {
        memset(history, 0, sizeof(*history));
        s->history = zone_offset(z, history);
    }
    if (s->history != 0)
        return zone_ptr(z, s->history);
    log_error(&process_log, LOG_WARN, 0,
              "zone \"%s\" has no room for the history of upstream %" STR_FMT
              ": it is not shared", z->name, STR_ARG(name));
    return pool_zalloc(pool, sizeof(*history));
}

static bool is_shared(const struct zone *z, const struct peer_state *s)
{
    return z != NULL && (const char *)s >= (const char *)z->header &&
           (const char *)s < (const char *)z->header + z->bytes;
}

/* Of a peer with its state. A bar of a breaker that is no longer there falls. */
static struct peer_history *history_for(const struct peer *peer, struct peer_state *s,
                                        struct pool *pool)
{
    struct zone *z = peer_zone_of(peer->group);

    if (peer->group->breaker != NULL)
        return attach_history(z, is_shared(z, s) ? s : NULL, pool, peer->name);
    atomic_fetch_and(&s->bars, ~(uint32_t)BAR_BREAKER);
    return NULL;
}

struct peer_history *peer_group_history(const struct upstream_group *group)
{
    struct group_live *live = peer_group_live(group);
    struct zone *z = peer_zone_of(group);
    struct peer_state *s = NULL;

    if (live == NULL || live->history != NULL)
        return live == NULL ? NULL : live->history;
    peer_lock(group);
    if (z != NULL)
        s = find_state(z, key_of(group, STR_NONE, false), own_generation);
    if (s != NULL)
        s->generation = MAX(s->generation, own_generation);
    live->history = attach_history(z, s, own_pool, group->name);
    peer_unlock(group);
    return live->history;
}

static void attach_found(struct peer *peer, struct peer_state *own, struct pool *pool)
{
    peer->state = attach_peer(peer, own_generation, own);
    peer->history = history_for(peer, peer->state, pool);
}

void peer_attach_found(struct upstream_group *version)
{
    uint32_t count = version->primaries + version->backups;
    struct peer_state *own = pool_zalloc(version->pool, count * sizeof(*own));

    peer_lock(version);
    for (uint32_t i = 0; i < count; i++)
        if (version->peers[i].id == PEER_FOUND)
            attach_found(&version->peers[i], &own[i], version->pool);
        else
            refresh(states[version->peers[i].id], &version->peers[i], own_generation);
    peer_unlock(version);
}

void peer_gone(const struct upstream_group *group, struct str name, bool backup)
{
    struct peer_table *table = table_of(peer_zone_of(group));
    uint64_t key = key_of(group, name, backup);

    for (uint32_t i = 0; i < table->cap; i++) {
        struct peer_state *s = &table->peers[(key + i) % table->cap];

        if (s->key == key)
            s->gone_s = MAX(clock_mono_ms / 1000, 1);
        if (s->key == key || s->key == 0)
            return;
    }
}

void peer_lock(const struct upstream_group *group)
{
    struct zone *z = peer_zone_of(group);

    if (z != NULL)
        zone_lock(z);
}

void peer_unlock(const struct upstream_group *group)
{
    struct zone *z = peer_zone_of(group);

    if (z != NULL)
        zone_unlock(z);
}

static void watch(const struct upstream_group *group, struct group_live *live)
{
    struct zone *z = peer_zone_of(group);
    const struct peer_zone *root = z == NULL ? NULL : zone_root(z);

    if (root != NULL && (!group->implicit || group->follows))
        live->watched = &root->version;
}

static void attach_static(const struct peer *peer, uint32_t generation)
{
    states[peer->id] = attach_peer(peer, generation, &own_states[peer->id]);
    histories[peer->id] = history_for(peer, states[peer->id], own_pool);
}

void group_live_init(struct group_live *live)
{
    *live = (struct group_live){.idle_count = 0};
    list_init(&live->idle);
    list_init(&live->waiting);
    list_init(&live->shared);
    list_init(&live->leaders);
    list_init(&live->followers);
}

void peer_attach(struct upstream_set *set, uint32_t generation)
{
    if (set == NULL || attaches++ > 0)
        return;
    attached = set;
    own_generation = generation;
    group_count = set->groups;
    groups = calloc(set->groups, sizeof(*groups));
    states = calloc(set->peers, sizeof(struct peer_state *));
    own_states = calloc(set->peers, sizeof(*own_states));
    histories = calloc(set->peers, sizeof(struct peer_history *));
    must(groups != NULL && states != NULL && own_states != NULL && histories != NULL);
    own_pool = pool_create(1024);
    for (const struct upstream_group *g = set->first; g != NULL; g = g->next) {
        group_live_init(&groups[g->id]);
        peer_lock(g);
        peer_use_attach(g, &groups[g->id]);
        watch(g, &groups[g->id]);
        for (uint32_t i = 0; i < g->primaries + g->backups; i++)
            attach_static(&g->peers[i], generation);
        peer_unlock(g);
    }
}

void peer_detach(void)
{
    attaches -= attaches > 0;
    if (attaches > 0)
        return;
    for (uint32_t i = 0; i < group_count; i++) {
        keepalive_close_all(&groups[i]);
        moving_drop(groups[i].version);
    }
    free(groups);
    free(states);
    free(own_states);
    free(histories);
    if (own_pool != NULL)
        pool_destroy(own_pool);
    own_pool = NULL;
    histories = NULL;
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
    return group->id == PEER_PASSING ? group->live : &groups[group->id];
}

struct peer_state *peer_state(const struct peer *peer)
{
    if (unlikely(peer->id >= PEER_FOUND))
        return peer->state;
    return states[peer->id];
}

struct peer_history *peer_history(const struct peer *peer)
{
    if (unlikely(peer->id >= PEER_FOUND))
        return peer->history;
    return histories[peer->id];
}

/* Choosing and judging ------------------------------------------------------------------------- */

/* While it had no turns the others went into debt. */
void peer_begin_slowly(const struct upstream_group *group, struct peer_state *state)
{
    int64_t least = MIN(state->current_weight, 0);

    for (uint32_t i = 0; i < group->primaries + group->backups; i++) {
        const struct peer_state *other = peer_state(&group->peers[i]);

        if (other != NULL)
            least = MIN(least, other->current_weight);
    }
    state->well_ms = clock_mono_ms;
    state->current_weight = least;
}

void peer_bar(const struct upstream_group *group, struct peer_state *state, enum peer_bar bar,
              bool up)
{
    uint32_t before = up ? atomic_fetch_or(&state->bars, (uint32_t)bar)
                         : atomic_fetch_and(&state->bars, ~(uint32_t)bar);

    if (!up && before == (uint32_t)bar)
        peer_begin_slowly(group, state);
}

uint32_t peer_share_now(const struct peer *peer, const struct peer_state *state)
{
    int64_t slow_ms = peer->server->slow_start_ms, well_ms = clock_mono_ms - state->well_ms;

    if (state->well_ms == 0 || well_ms >= slow_ms)
        return SHARE_FULL;
    return (uint32_t)(MAX(well_ms, 0) * SHARE_FULL / slow_ms);
}

bool peer_usable(const struct peer *peer, const struct peer_state *state, int64_t now_s)
{
    const struct upstream_server *server = peer->server;

    if (server->down || (peer_is_barred(peer, state) && !breaker_lets_in(peer, state)))
        return false;
    if (server->max_conns > 0 && state->conns >= server->max_conns)
        return false;
    return peer->group->single || server->max_fails == 0 || state->fails < server->max_fails ||
           now_s - state->checked_s > server->fail_timeout_s;
}

struct slots *peer_slots_of(const struct zone *z)
{
    return z != NULL && z->slots != NULL && z->slots->mine != SLOTS_NONE ? z->slots : NULL;
}

struct booking *peer_book(const struct peer *peer, uint32_t *count)
{
    struct zone *z = peer_zone_of(peer->group);

    if (peer_slots_of(z) != NULL)
        return booking_take(z, BOOKING_PEER, zone_offset(z, count), 1, count);
    ++*count;
    return NULL;
}

void peer_unbook(const struct peer *peer, struct booking *booking, uint32_t *count)
{
    struct zone *z = peer_zone_of(peer->group);

    if (booking != NULL)
        booking_release(z, booking, count);
    else if (peer_slots_of(z) == NULL && *count > 0)
        --*count;
}

void peer_chosen(const struct peer *peer, int64_t now_s, struct booking **booking)
{
    struct peer_state *state = peer_state(peer);

    *booking = NULL;
    if (now_s - state->checked_s > peer->server->fail_timeout_s)
        state->checked_s = now_s;
    if (peer->group->counted)
        *booking = peer_book(peer, &state->conns);
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

/* A success after the last failure's period makes all good again. */
static bool is_forgiven(const struct peer_state *state)
{
    return state->fails > 0 && state->failed_s < state->checked_s;
}

static void forgive(const struct peer *peer, struct peer_state *state)
{
    const struct upstream_server *server = peer->server;

    if (server->slow_start_ms > 0 && server->max_fails > 0 && state->fails >= server->max_fails)
        peer_begin_slowly(peer->group, state);
    state->fails = 0;
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
        forgive(peer, state);
    if (group->counted)
        peer_unbook(peer, booking, &state->conns);
    peer_unlock(group);
    if (disabled)
        log_error(log, LOG_WARN, 0, "upstream server temporarily disabled");
}
