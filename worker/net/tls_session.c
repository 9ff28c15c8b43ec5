/*
 * worker/net/tls_session.c - sessions in a zone: a table by id, and a queue by age.
 *
 * All sessions of a zone live equally long, so the queue's tail is what ends next. There is no
 * repair: after a death under the lock the zone is emptied, and clients shake hands in full.
 */
#include "worker/net/tls_session.h"

#include "common/clock.h"

#define SESSION_MAX 8192   /* serialised; larger ones (long client certificates) are not kept */
#define BYTES_EACH  512    /* of the zone, per bucket */
#define EVICTIONS   8      /* tries to make room */

struct entry {
    uint64_t chain;        /* next in the bucket */
    uint64_t newer, older; /* in the queue */
    int64_t ends_s;
    uint32_t bytes;
    uint8_t id_len;
    uint8_t id[SSL_MAX_SSL_SESSION_ID_LENGTH];
    uint8_t session[];
};

struct table {
    uint64_t newest, oldest;
    uint32_t mask;
    uint64_t buckets[];
};

static bool init_table(struct zone *z)
{
    size_t buckets = 16;
    struct table *t;

    while (buckets * 2 * BYTES_EACH <= z->bytes)
        buckets *= 2;
    do {
        t = zone_alloc(z, sizeof(*t) + buckets * sizeof(t->buckets[0]));
        buckets /= 2;
    } while (t == NULL && buckets >= 16);
    if (t == NULL)
        return false;
    buckets *= 2;
    memset(t, 0, sizeof(*t) + buckets * sizeof(t->buckets[0]));
    t->mask = (uint32_t)buckets - 1;
    zone_set_root(z, zone_offset(z, t));
    return true;
}

const struct zone_kind tls_session_zone = {
    .name = "tls sessions", .layout_version = 1, .init = init_table};

static uint64_t *bucket_of(struct table *t, const unsigned char *id, size_t len)
{
    return &t->buckets[str_hash_fixed((struct str){(const char *)id, len}) & t->mask];
}

/* Where the link to the entry is, which is 0 when there is none. */
static uint64_t *find_link(struct zone *z, struct table *t, const unsigned char *id, size_t len)
{
    uint64_t *link = bucket_of(t, id, len);
    struct entry *e;

    while ((e = zone_ptr(z, *link)) != NULL && (e->id_len != len || memcmp(e->id, id, len) != 0))
        link = &e->chain;
    return link;
}

static void leave_queue(struct zone *z, struct table *t, struct entry *e)
{
    struct entry *newer = zone_ptr(z, e->newer), *older = zone_ptr(z, e->older);

    *(newer != NULL ? &newer->older : &t->newest) = e->older;
    *(older != NULL ? &older->newer : &t->oldest) = e->newer;
}

static void enter_queue(struct zone *z, struct table *t, struct entry *e)
{
    struct entry *older = zone_ptr(z, t->newest);
    uint64_t self = zone_offset(z, e);

    e->newer = 0;
    e->older = t->newest;
    *(older != NULL ? &older->newer : &t->oldest) = self;
    t->newest = self;
}

static void remove_entry(struct zone *z, struct table *t, uint64_t *link)
{
    struct entry *e = zone_ptr(z, *link);

    *link = e->chain;
    leave_queue(z, t, e);
    zone_free(z, e);
}

static void remove_oldest(struct zone *z, struct table *t)
{
    struct entry *e = zone_ptr(z, t->oldest);

    remove_entry(z, t, find_link(z, t, e->id, e->id_len));
}

static struct entry *make_room(struct zone *z, struct table *t, size_t bytes)
{
    struct entry *e = NULL, *oldest;
    int64_t now_s = clock_wall_s();

    for (int i = 0; i < 2 && (oldest = zone_ptr(z, t->oldest)) != NULL && oldest->ends_s <= now_s;
         i++)
        remove_oldest(z, t);
    for (int i = 0; i <= EVICTIONS; i++) {
        e = zone_alloc(z, sizeof(*e) + bytes);
        if (e != NULL || t->oldest == 0)
            break;
        remove_oldest(z, t);
    }
    return e;
}

void tls_session_put(struct zone *z, SSL_SESSION *session)
{
    static unsigned char text[SESSION_MAX];
    unsigned char *end = text;
    int bytes = i2d_SSL_SESSION(session, NULL);
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(session, &len);
    uint64_t *link;
    struct table *t;
    struct entry *e;

    if (bytes <= 0 || bytes > SESSION_MAX || len == 0 || len > sizeof(e->id))
        return;
    i2d_SSL_SESSION(session, &end);
    zone_lock(z);
    t = zone_root(z);
    if (*(link = find_link(z, t, id, len)) != 0)
        remove_entry(z, t, link);
    e = make_room(z, t, (size_t)bytes);
    if (e != NULL) {
        e->ends_s = clock_wall_s() + SSL_SESSION_get_timeout(session);
        e->bytes = (uint32_t)bytes;
        e->id_len = (uint8_t)len;
        memcpy(e->id, id, len);
        memcpy(e->session, text, (size_t)bytes);
        link = bucket_of(t, id, len);
        e->chain = *link;
        *link = zone_offset(z, e);
        enter_queue(z, t, e);
    }
    zone_unlock(z);
    OPENSSL_cleanse(text, (size_t)bytes);
}

SSL_SESSION *tls_session_find(struct zone *z, const unsigned char *id, size_t len)
{
    static unsigned char text[SESSION_MAX];
    const unsigned char *p = text;
    SSL_SESSION *session = NULL;
    struct table *t;
    struct entry *e;
    uint64_t *link;
    long bytes = 0;

    zone_lock(z);
    t = zone_root(z);
    link = find_link(z, t, id, len);
    e = zone_ptr(z, *link);
    if (e != NULL && e->ends_s <= clock_wall_s())
        remove_entry(z, t, link);
    else if (e != NULL)
        memcpy(text, e->session, (size_t)(bytes = MIN(e->bytes, SESSION_MAX)));
    zone_unlock(z);
    if (bytes > 0) {
        session = d2i_SSL_SESSION(NULL, &p, bytes);
        OPENSSL_cleanse(text, (size_t)bytes);
    }
    return session;
}

void tls_session_drop(struct zone *z, const unsigned char *id, size_t len)
{
    struct table *t;
    uint64_t *link;

    zone_lock(z);
    t = zone_root(z);
    link = find_link(z, t, id, len);
    if (*link != 0)
        remove_entry(z, t, link);
    zone_unlock(z);
}
