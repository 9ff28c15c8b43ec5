/*
 * worker/upstream/peer_use.c - the blocks of counts in a zone of peers.
 *
 * A block belongs to the process that has a row of the table of slots. When the row has another
 * owner or none, the block is whoever's comes next: there are never more than there were processes
 * at once.
 */
#include "worker/upstream/peer_use.h"

#include <unistd.h>

#include "common/slots.h"

struct peer_uses {
    uint64_t next;
    uint32_t row;
    int32_t pid;
    _Atomic uint32_t counts[]; /* one for each record of the table */
};

static bool has_owner(const struct slots *s, const struct peer_uses *u)
{
    return u->row < s->rows &&
           atomic_load_explicit(&s->row[u->row].pid, memory_order_relaxed) == u->pid &&
           atomic_load_explicit(&s->row[u->row].state, memory_order_relaxed) == SLOT_USED;
}

/* Ours from before, or one that nobody has. */
static struct peer_uses *find_block(struct zone *z, const struct slots *s)
{
    const struct peer_zone *root = zone_root(z);
    struct peer_uses *spare = NULL;

    for (struct peer_uses *u = zone_ptr(z, root->uses); u != NULL; u = zone_ptr(z, u->next)) {
        if (u->row == s->mine)
            return u;
        if (!has_owner(s, u))
            spare = u;
    }
    return spare;
}

static struct peer_uses *make_block(struct zone *z, uint32_t count)
{
    struct peer_zone *root = zone_root(z);
    struct peer_uses *u = zone_alloc(z, sizeof(*u) + count * sizeof(u->counts[0]));

    if (u == NULL)
        return NULL;
    u->pid = 0;
    u->next = root->uses;
    root->uses = zone_offset(z, u);
    return u;
}

void peer_use_attach(const struct upstream_group *group, struct group_live *live)
{
    struct zone *z = peer_zone_of(group);
    const struct slots *s = z == NULL ? NULL : z->slots;
    struct peer_uses *u;
    uint32_t count;

    if (s == NULL || s->mine == SLOTS_NONE)
        return;
    live->table = peer_zone_table(z, &count);
    live->table_size = count;
    u = find_block(z, s);
    if (u == NULL)
        u = make_block(z, count);
    if (u == NULL)
        return;
    if (u->pid != getpid()) {
        u->row = s->mine;
        u->pid = getpid();
        for (uint32_t i = 0; i < count; i++)
            atomic_store_explicit(&u->counts[i], 0, memory_order_relaxed);
    }
    live->uses = u->counts;
}

uint32_t peer_uses(const struct upstream_group *group, const struct peer_state *state)
{
    struct zone *z = peer_zone_of(group);
    const struct peer_zone *root;
    const struct peer_state *table;
    uint32_t count, place, sum = 0;

    if (z == NULL || z->slots == NULL)
        return 0;
    table = peer_zone_table(z, &count);
    place = (uint32_t)(state - table);
    root = zone_root(z);
    if (state < table || place >= count)
        return 0;
    for (const struct peer_uses *u = zone_ptr(z, root->uses); u != NULL; u = zone_ptr(z, u->next))
        if (has_owner(z->slots, u))
            sum += atomic_load_explicit(&u->counts[place], memory_order_relaxed);
    return sum;
}

void peer_use_begin(_Atomic uint32_t **use, const struct peer *peer)
{
    const struct group_live *live = peer_group_live(peer->group);
    const struct peer_state *state = peer_state(peer);
    size_t place;

    if (live == NULL || live->uses == NULL || state < live->table)
        return;
    place = (size_t)(state - live->table);
    if (place >= live->table_size)
        return;
    *use = &live->uses[place];
    atomic_store_explicit(*use, atomic_load_explicit(*use, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}
