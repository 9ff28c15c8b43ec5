/*
 * worker/net/tls_ticket.c - the keys that session tickets are sealed with.
 *
 * A worker keeps a copy of the zone's keys and takes the lock only to replace it: when the newest
 * is due, or when the count of changes says that another worker has made one. Three are kept: the
 * one that seals, the one before it, whose tickets are good until they run out, and one more for
 * clocks that differ.
 */
#include "worker/net/tls_ticket.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/random.h"
#include "common/zone.h"
#include "worker/net/tls_context.h"

#define KEYS        3
#define ZONE_BYTES  ZONE_MIN_BYTES
#define NAME_BYTES  16

struct ticket_key {
    uint8_t name[NAME_BYTES];
    uint8_t aes[32], mac[32];
    uint32_t bytes;      /* of each of the two: 16 or 32 */
    int64_t made_s;
};

struct ticket_ring {     /* in the zone */
    _Atomic uint32_t changes;
    struct ticket_key keys[KEYS]; /* newest first */
};

struct tls_tickets {
    const struct zone_spec *spec; /* NULL: the keys are fixed */
    int64_t period_s;
    struct ticket_key *keys;
    uint32_t count;
};

/* This process's copy of the zone's keys. */
static struct {
    const struct zone *zone;
    uint64_t zone_id;
    uint32_t changes;
    struct ticket_key keys[KEYS];
} copy;

/* The zone ------------------------------------------------------------------------------------- */

static bool init_ring(struct zone *z)
{
    struct ticket_ring *ring = zone_alloc(z, sizeof(*ring));

    if (ring == NULL)
        return false;
    memset(ring, 0, sizeof(*ring));
    zone_set_root(z, zone_offset(z, ring));
    return true;
}

static const struct zone_kind ring_kind = {
    .name = "tls tickets", .layout_version = 1, .init = init_ring};

static struct ticket_key new_key(int64_t now_s)
{
    struct ticket_key key = {.bytes = 32, .made_s = now_s};

    random_bytes(key.name, sizeof(key.name));
    random_bytes(key.aes, sizeof(key.aes));
    random_bytes(key.mac, sizeof(key.mac));
    return key;
}

static bool is_due(const struct ticket_key *newest, int64_t period_s, int64_t now_s)
{
    return newest->bytes == 0 || now_s >= newest->made_s + period_s || now_s < newest->made_s;
}

static void refresh(struct zone *z, int64_t period_s)
{
    int64_t now_s = clock_wall_s();
    struct ticket_ring *ring;

    zone_lock(z);
    ring = zone_root(z);
    if (is_due(&ring->keys[0], period_s, now_s)) {
        memmove(&ring->keys[1], &ring->keys[0], (KEYS - 1) * sizeof(ring->keys[0]));
        ring->keys[0] = new_key(now_s);
        atomic_fetch_add(&ring->changes, 1);
    }
    memcpy(copy.keys, ring->keys, sizeof(copy.keys));
    copy.changes = atomic_load(&ring->changes);
    copy.zone = z;
    copy.zone_id = zone_id(z);
    zone_unlock(z);
}

/* The keys, newest first. */
static const struct ticket_key *keys_of(const struct tls_tickets *t, uint32_t *count)
{
    struct zone *z;
    struct ticket_ring *ring;

    *count = t->count;
    if (t->spec == NULL)
        return t->keys;
    z = t->spec->zone;
    ring = zone_root(z);
    if (copy.zone != z || copy.zone_id != zone_id(z) ||
        copy.changes != atomic_load_explicit(&ring->changes, memory_order_relaxed) ||
        is_due(&copy.keys[0], t->period_s, clock_wall_s()))
        refresh(z, t->period_s);
    *count = KEYS;
    return copy.keys;
}

/* Config time ---------------------------------------------------------------------------------- */

struct tls_tickets *tls_tickets_shared(struct generation *gen, struct tls_tickets *before,
                                       int64_t period_s, const char **why)
{
    struct tls_tickets *t = before != NULL ? before : pool_zalloc(gen->pool, sizeof(*t));

    t->period_s = MAX(t->period_s, MAX(period_s, 1));
    if (before != NULL)
        return before;
    t->spec = generation_zone(gen, STR("weir:tls tickets"), ZONE_BYTES, &ring_kind, NULL, why);
    return t->spec != NULL ? t : NULL;
}

static const char *read_key(struct pool *pool, struct str path, struct ticket_key *key)
{
    FILE *file = fopen(pool_cstr(pool, path), "rbe");
    uint8_t text[81];
    size_t n;

    if (file == NULL)
        return pool_printf(pool, "open() \"%" STR_FMT "\" failed", STR_ARG(path)).data;
    n = fread(text, 1, sizeof(text), file);
    fclose(file);
    if (n != 48 && n != 80)
        return pool_printf(pool, "\"%" STR_FMT "\" must be 48 or 80 bytes", STR_ARG(path)).data;
    key->bytes = n == 48 ? 16 : 32;
    memcpy(key->name, text, NAME_BYTES);
    memcpy(n == 48 ? key->aes : key->mac, text + NAME_BYTES, key->bytes);
    memcpy(n == 48 ? key->mac : key->aes, text + NAME_BYTES + key->bytes, key->bytes);
    explicit_bzero(text, sizeof(text));
    return NULL;
}

struct tls_tickets *tls_tickets_fixed(struct generation *gen, const struct array *files,
                                      const char **why)
{
    struct tls_tickets *t = pool_zalloc(gen->pool, sizeof(*t));

    t->keys = pool_zalloc(gen->pool, files->count * sizeof(*t->keys));
    EACH (struct tls_file, file, files) {
        *why = read_key(gen->pool, file->path, &t->keys[t->count++]);
        if (*why != NULL)
            return NULL;
    }
    return t;
}

/* Run time ------------------------------------------------------------------------------------- */

static bool set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    OSSL_PARAM params[3];
    char sha256[] = "SHA256";

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
                                                  (void *)(uintptr_t)key->mac, key->bytes);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0);
    params[2] = OSSL_PARAM_construct_end();
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* Looked up once: by name it would be at each ticket. */
static const EVP_CIPHER *cipher_of(const struct ticket_key *key)
{
    static EVP_CIPHER *ciphers[2];
    EVP_CIPHER **cipher = &ciphers[key->bytes == 32];

    if (*cipher == NULL)
        *cipher = EVP_CIPHER_fetch(NULL, key->bytes == 32 ? "AES-256-CBC" : "AES-128-CBC", NULL);
    return *cipher;
}

static int seal_ticket(const struct ticket_key *key, unsigned char *name, unsigned char *iv,
                       EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const EVP_CIPHER *with = cipher_of(key);

    if (with == NULL || RAND_bytes(iv, EVP_CIPHER_get_iv_length(with)) != 1 ||
        EVP_EncryptInit_ex2(cipher, with, key->aes, iv, NULL) != 1 || !set_mac(mac, key))
        return -1;
    memcpy(name, key->name, NAME_BYTES);
    return 1;
}

int tls_ticket_key(struct tls_tickets *tickets, SSL *ssl, unsigned char *name, unsigned char *iv,
                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    uint32_t count, i = 0;
    const struct ticket_key *keys = keys_of(tickets, &count);

    if (seal)
        return seal_ticket(&keys[0], name, iv, cipher, mac);
    while (i < count && (keys[i].bytes == 0 || memcmp(name, keys[i].name, NAME_BYTES) != 0))
        i++;
    if (i == count)
        return 0;
    if (cipher_of(&keys[i]) == NULL || !set_mac(mac, &keys[i]) ||
        EVP_DecryptInit_ex2(cipher, cipher_of(&keys[i]), keys[i].aes, iv, NULL) != 1)
        return -1;
    /* A ticket of TLS 1.3 is for one use (RFC 8446, C.4): its user gets the next. */
    return i > 0 || SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
}
