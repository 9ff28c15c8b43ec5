/*
 * common/radix.c - networks to values, flattened into sorted ranges.
 *
 * Networks are nested or disjoint, never crossing, so one sweep over them in address order with a
 * stack of those that are open yields the ranges and the innermost value of each.
 */
#include "common/radix.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "common/array.h"

#define INDEX_FROM 512 /* IPv4 ranges from which an index by the upper 16 bits pays */

typedef unsigned __int128 wide;

struct network {
    wide first;
    void *value;    /* NULL: taken out */
    uint8_t prefix; /* counted in 128 bits for IPv6, in 32 for IPv4 */
    bool v4;
};

struct radix {
    struct pool *pool;
    struct array networks;
    uint32_t *slots;        /* networks by hash, index + 1; only while loading */
    size_t slot_mask;

    uint32_t *v4_first;     /* range i goes from here to before the next; [0] is 0 */
    void **v4_value;
    size_t v4_count;
    uint32_t *v4_index;     /* [h]: the first range that begins at h << 16 or after; or NULL */

    wide *v6_first;
    void **v6_value;
    size_t v6_count;
};

static void drop_slots(void *arg)
{
    struct radix *r = arg;

    free(r->slots);
    r->slots = NULL;
}

struct radix *radix_create(struct pool *pool)
{
    struct radix *r = pool_zalloc(pool, sizeof(*r));

    r->pool = pool;
    r->networks = array_of(struct network, pool);
    pool_on_destroy(pool, drop_slots, r); /* a load that fails never builds */
    return r;
}

size_t radix_count(const struct radix *r)
{
    return r->networks.count;
}

/* Filling -------------------------------------------------------------------------------------- */

static struct network *network_at(const struct radix *r, size_t i)
{
    return array_at(&r->networks, i);
}

static wide read_wide(const uint8_t *bytes, size_t count)
{
    wide n = 0;

    for (size_t i = 0; i < count; i++)
        n = n << 8 | bytes[i];
    return n;
}

/* The bits that an address of a network may have after the prefix. */
static wide host_mask(int prefix, bool v4)
{
    int bits = (v4 ? 32 : 128) - prefix;

    return bits >= 128 ? ~(wide)0 : ((wide)1 << bits) - 1;
}

static size_t slot_of(const struct radix *r, const struct network *n)
{
    uint64_t key = (uint64_t)n->first * 0x9e3779b97f4a7c15u ^ (uint64_t)(n->first >> 64);

    key = (key ^ n->prefix ^ (uint64_t)n->v4 << 8) * 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 32) & r->slot_mask;
}

/* Where the network is, or would be entered. */
static uint32_t *slot_for(struct radix *r, const struct network *n)
{
    for (size_t i = slot_of(r, n);; i = (i + 1) & r->slot_mask) {
        const struct network *have = r->slots[i] == 0 ? NULL : network_at(r, r->slots[i] - 1);

        if (have == NULL ||
            (have->first == n->first && have->prefix == n->prefix && have->v4 == n->v4))
            return &r->slots[i];
    }
}

static void grow_slots(struct radix *r)
{
    size_t count = r->slots == NULL ? 64 : (r->slot_mask + 1) * 2;

    free(r->slots);
    r->slots = pool_malloc(count * sizeof(*r->slots));
    memset(r->slots, 0, count * sizeof(*r->slots));
    r->slot_mask = count - 1;
    for (size_t i = 0; i < r->networks.count; i++)
        *slot_for(r, network_at(r, i)) = (uint32_t)i + 1;
}

static void *add(struct radix *r, struct network n)
{
    uint32_t *slot;
    void *old;

    if (r->slots == NULL || r->networks.count * 2 > r->slot_mask)
        grow_slots(r);
    slot = slot_for(r, &n);
    if (*slot == 0) {
        *(struct network *)array_push(&r->networks) = n;
        *slot = (uint32_t)r->networks.count;
        return NULL;
    }
    old = network_at(r, *slot - 1)->value;
    network_at(r, *slot - 1)->value = n.value;
    return old;
}

void *radix_add(struct radix *r, const struct addr *network, int prefix, void *value)
{
    const uint8_t *bytes;
    size_t count = addr_bytes(network, &bytes);
    struct network n = {.prefix = (uint8_t)prefix, .v4 = count == 4, .value = value};

    must(count != 0 && prefix >= 0 && (size_t)prefix <= count * 8);
    n.first = read_wide(bytes, count) & ~host_mask(prefix, n.v4);
    return add(r, n);
}

/* The largest network that begins at `first` and does not go past `last`. */
static struct network largest_within(wide first, wide last, bool v4)
{
    struct network n = {.first = first, .v4 = v4, .prefix = v4 ? 32 : 128};

    while (n.prefix > 0) {
        wide mask = host_mask(n.prefix - 1, v4);

        if ((first & mask) != 0 || (first | mask) > last)
            break;
        n.prefix--;
    }
    return n;
}

bool radix_add_range(struct radix *r, const struct addr *first, const struct addr *last,
                     void *value)
{
    const uint8_t *first_bytes, *last_bytes;
    size_t count = addr_bytes(first, &first_bytes);
    wide from, to;

    if (count == 0 || addr_bytes(last, &last_bytes) != count)
        return false;
    from = read_wide(first_bytes, count);
    to = read_wide(last_bytes, count);
    if (from > to)
        return false;
    for (;;) {
        struct network n = largest_within(from, to, count == 4);

        n.value = value;
        add(r, n);
        from |= host_mask(n.prefix, n.v4);
        if (from >= to)
            return true;
        from++;
    }
}

/* Flattening ----------------------------------------------------------------------------------- */

/* By family, then by address; at the same address the wider network first. */
static int by_place(const void *a, const void *b)
{
    const struct network *x = a, *y = b;

    if (x->v4 != y->v4)
        return y->v4 - x->v4;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->prefix > y->prefix) - (x->prefix < y->prefix);
}

/* Ranges being written; `open` are the networks around the current place, innermost last. */
struct sweep {
    wide *first;
    void **value;
    size_t count;
    const struct network *open[129];
    int depth;
};

static wide last_of(const struct network *n)
{
    return n->first | host_mask(n->prefix, n->v4);
}

/* A range begins: one of length 0 before it is overwritten, one with the same value goes on. */
static void begin_range(struct sweep *s, wide first, void *value)
{
    if (s->count > 0 && s->first[s->count - 1] == first)
        s->count--;
    if (s->count > 0 && s->value[s->count - 1] == value)
        return;
    s->first[s->count] = first;
    s->value[s->count++] = value;
}

/* Closes the innermost network: what encloses it goes on behind. */
static void close_network(struct sweep *s, wide past_all)
{
    wide last = last_of(s->open[--s->depth]);

    if (last != past_all)
        begin_range(s, last + 1, s->depth == 0 ? NULL : s->open[s->depth - 1]->value);
}

static void sweep_family(struct sweep *s, const struct network *networks, size_t count, bool v4)
{
    wide past_all = host_mask(0, v4);

    begin_range(s, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct network *n = &networks[i];

        if (n->value == NULL)
            continue;
        while (s->depth > 0 && last_of(s->open[s->depth - 1]) < n->first)
            close_network(s, past_all);
        s->open[s->depth++] = n;
        begin_range(s, n->first, n->value);
    }
    while (s->depth > 0)
        close_network(s, past_all);
}

static void index_v4(struct radix *r)
{
    size_t at = 0;

    if (r->v4_count < INDEX_FROM)
        return;
    r->v4_index = pool_alloc(r->pool, 65537 * sizeof(*r->v4_index));
    for (size_t upper = 0; upper < 65536; upper++) {
        while (at < r->v4_count && r->v4_first[at] >> 16 < upper)
            at++;
        r->v4_index[upper] = (uint32_t)at;
    }
    r->v4_index[65536] = (uint32_t)r->v4_count;
}

static void keep_v4(struct radix *r, const struct sweep *s)
{
    r->v4_count = s->count;
    r->v4_first = pool_alloc(r->pool, s->count * sizeof(*r->v4_first));
    r->v4_value = pool_alloc(r->pool, s->count * sizeof(*r->v4_value));
    for (size_t i = 0; i < s->count; i++)
        r->v4_first[i] = (uint32_t)s->first[i];
    memcpy(r->v4_value, s->value, s->count * sizeof(*s->value));
    index_v4(r);
}

static void keep_v6(struct radix *r, const struct sweep *s)
{
    r->v6_count = s->count;
    r->v6_first = pool_alloc(r->pool, s->count * sizeof(*r->v6_first));
    r->v6_value = pool_alloc(r->pool, s->count * sizeof(*r->v6_value));
    memcpy(r->v6_first, s->first, s->count * sizeof(*s->first));
    memcpy(r->v6_value, s->value, s->count * sizeof(*s->value));
}

void radix_build(struct radix *r)
{
    struct network *networks = r->networks.items;
    size_t count = r->networks.count, v4_count = 0;
    struct sweep s = {0};

    drop_slots(r);
    if (count == 0)
        return;
    qsort(networks, count, sizeof(*networks), by_place);
    while (v4_count < count && networks[v4_count].v4)
        v4_count++;

    s.first = pool_malloc((count * 2 + 1) * sizeof(*s.first)); /* each begins and ends a range */
    s.value = pool_malloc((count * 2 + 1) * sizeof(*s.value));
    sweep_family(&s, networks, v4_count, true);
    keep_v4(r, &s);
    s.count = 0;
    sweep_family(&s, networks + v4_count, count - v4_count, false);
    keep_v6(r, &s);
    free(s.first);
    free(s.value);
}

/* Finding -------------------------------------------------------------------------------------- */

void *radix_find_v4(const struct radix *r, uint32_t host_order)
{
    size_t from = 0, to = r->v4_count; /* the range after ours is in [from, to] */

    if (to == 0)
        return NULL;
    if (r->v4_index != NULL) {
        from = r->v4_index[host_order >> 16];
        to = r->v4_index[(host_order >> 16) + 1];
    }
    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (r->v4_first[middle] <= host_order)
            from = middle + 1;
        else
            to = middle;
    }
    return r->v4_value[from - 1];
}

static void *find_v6(const struct radix *r, wide a)
{
    size_t from = 0, to = r->v6_count;

    if (to == 0)
        return NULL;
    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (r->v6_first[middle] <= a)
            from = middle + 1;
        else
            to = middle;
    }
    return r->v6_value[from - 1];
}

void *radix_find(const struct radix *r, const struct addr *a)
{
    const uint8_t *bytes;

    switch (addr_bytes(a, &bytes)) {
    case 4:
        return radix_find_v4(r, ntohl(a->in.sin_addr.s_addr));
    case 16:
        if (IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
            return radix_find_v4(r, (uint32_t)read_wide(bytes + 12, 4));
        return find_v6(r, read_wide(bytes, 16));
    default:
        return NULL;
    }
}
