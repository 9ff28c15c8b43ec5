/*
 * worker/net/ocsp_zone.c - the status of certificates in a zone: a table by key, a queue by age.
 *
 * There is no repair: after a death under the lock the zone is emptied and all is asked anew.
 */
#include "worker/net/ocsp_zone.h"

#include <openssl/crypto.h>
#include <string.h>

#include "common/clock.h"

#define BUCKETS_LEAST 16
#define BYTES_EACH    1024 /* of the zone, per bucket */

struct entry {
    uint64_t chain;        /* next in the bucket */
    uint64_t newer, older; /* in the queue */
    int64_t valid_s, refresh_s;
    int32_t status;
    uint32_t bytes;
    uint8_t key[OCSP_KEY_BYTES];
    char response[];
};

struct table {
    _Atomic uint32_t changes;
    uint32_t mask;
    uint64_t newest, oldest;
    uint64_t buckets[];
};

static bool init_table(struct zone *z)
{
    size_t buckets = BUCKETS_LEAST;
    struct table *t;

    while (buckets * 2 * BYTES_EACH <= z->bytes)
        buckets *= 2;
    t = zone_alloc(z, sizeof(*t) + buckets * sizeof(t->buckets[0]));
    if (t == NULL)
        return false;
    memset(t, 0, sizeof(*t) + buckets * sizeof(t->buckets[0]));
    t->mask = (uint32_t)buckets - 1;
    zone_set_root(z, zone_offset(z, t));
    return true;
}

const struct zone_kind ocsp_zone_kind = {
    .name = "ocsp", .layout_version = 1, .init = init_table};

/* Where the link to the entry is, which is 0 when there is none. */
static uint64_t *find_link(struct zone *z, struct table *t, const uint8_t *key)
{
    uint32_t hash;
    uint64_t *link;
    struct entry *e;

    memcpy(&hash, key, sizeof(hash)); /* a digest spreads by itself */
    link = &t->buckets[hash & t->mask];
    while ((e = zone_ptr(z, *link)) != NULL && memcmp(e->key, key, OCSP_KEY_BYTES) != 0)
        link = &e->chain;
    return link;
}

static void remove_entry(struct zone *z, struct table *t, uint64_t *link)
{
    struct entry *e = zone_ptr(z, *link);
    struct entry *newer = zone_ptr(z, e->newer), *older = zone_ptr(z, e->older);

    *link = e->chain;
    *(newer != NULL ? &newer->older : &t->newest) = e->older;
    *(older != NULL ? &older->newer : &t->oldest) = e->newer;
    zone_free(z, e);
}

static void add_entry(struct zone *z, struct table *t, struct entry *e)
{
    struct entry *older = zone_ptr(z, t->newest);
    uint64_t *link = find_link(z, t, e->key);

    e->chain = *link;
    *link = zone_offset(z, e);
    e->newer = 0;
    e->older = t->newest;
    *(older != NULL ? &older->newer : &t->oldest) = zone_offset(z, e);
    t->newest = zone_offset(z, e);
}

static struct entry *make_room(struct zone *z, struct table *t, size_t bytes)
{
    struct entry *e, *oldest;

    while ((e = zone_alloc(z, sizeof(*e) + bytes)) == NULL &&
           (oldest = zone_ptr(z, t->oldest)) != NULL)
        remove_entry(z, t, find_link(z, t, oldest->key));
    return e;
}

void ocsp_zone_put(struct zone *z, const uint8_t *key, const struct ocsp_known *known)
{
    struct table *t;
    struct entry *e;
    uint64_t *link;

    if (known->response.len > z->bytes / 4)
        return;
    zone_lock(z);
    t = zone_root(z);
    link = find_link(z, t, key);
    if (*link != 0)
        remove_entry(z, t, link);
    e = make_room(z, t, known->response.len);
    if (e != NULL) {
        e->valid_s = known->valid_s;
        e->refresh_s = known->refresh_s;
        e->status = known->status;
        e->bytes = (uint32_t)known->response.len;
        memcpy(e->key, key, OCSP_KEY_BYTES);
        if (e->bytes > 0)
            memcpy(e->response, known->response.data, e->bytes);
        add_entry(z, t, e);
    }
    atomic_fetch_add(&t->changes, 1);
    zone_unlock(z);
}

bool ocsp_zone_find(struct zone *z, const uint8_t *key, struct ocsp_known *out)
{
    const struct entry *e;
    char *copy = NULL;
    size_t len = 0;

    zone_lock(z);
    e = zone_ptr(z, *find_link(z, zone_root(z), key));
    if (e != NULL && e->valid_s < clock_wall_s())
        e = NULL;
    if (e != NULL) {
        *out = (struct ocsp_known){.status = e->status, .valid_s = e->valid_s,
                                   .refresh_s = e->refresh_s};
        len = MIN(e->bytes, z->bytes);
    }
    if (len > 0 && (copy = OPENSSL_malloc(len)) != NULL) {
        memcpy(copy, e->response, len);
        out->response = (struct str){copy, len};
    }
    zone_unlock(z);
    return e != NULL;
}

uint32_t ocsp_zone_changes(const struct zone *z)
{
    const struct table *t = zone_root(z);

    return atomic_load_explicit(&t->changes, memory_order_relaxed);
}
