/*
 * common/zone.h - shared memory with a name, a lock and an allocator, in which a module keeps what
 * all workers share.
 *
 * The master makes a zone once and keeps it over reloads while name, size and kind stay the same,
 * and hands its descriptor to a new binary, which takes it on if the layout is its own. It sees
 * only the header: it never takes the lock and never follows an offset, for any worker can write
 * there. Its children inherit the struct zone.
 *
 * In a child, whoever takes the lock after another process died with it repairs the zone first, or
 * empties it if that cannot be done; zone_id() tells that it was emptied. Under the lock nothing
 * blocks, logs, or allocates outside the zone.
 *
 *     zone_lock(z);
 *     struct table *t = zone_root(z);
 *     uint64_t node = slab_alloc(zone_slab(z), sizeof(struct node));
 *     ...
 *     zone_unlock(z);
 */
#pragma once

#include <stdatomic.h>

#include "common/lock.h"
#include "common/shm.h"
#include "common/slab.h"
#include "common/str.h"

#define ZONE_MIN_BYTES (8 * SLAB_PAGE)
#define ZONE_NAME_MAX  128
#define ZONE_KIND_MAX  32

struct booking;
struct slots;
struct zone;

/*
 * What a module keeps in its zones. Change layout_version whenever a struct that lies in the zone
 * changes: a new binary then starts with an empty zone.
 *
 * init fills an empty zone (and sets its root); false if it is too small. It runs when the zone is
 * made, where no lock is needed, or under the lock when it was emptied: the same size must do.
 * repair puts in order what a process left half done; the slab is in order by then. False, or no
 * repair at all: the zone is emptied. Either may itself be cut short by a death: the next holder
 * starts it again.
 */
struct zone_kind {
    const char *name;
    uint32_t layout_version;
    bool (*init)(struct zone *z);
    bool (*repair)(struct zone *z);
    /* Where the count is that a booking in such a zone added to, for the heir of its taker; under
       the lock. NULL for a kind that books nothing. */
    uint32_t *(*booked)(struct zone *z, const struct booking *b);
};

enum zone_state { ZONE_EMPTYING, ZONE_DAMAGED, ZONE_READY };

struct zone_header {
    uint64_t magic;
    uint64_t layout;   /* of all in common/ that lies in a zone, libc's mutex included */
    uint64_t bytes;
    uint32_t kind_layout;
    char kind[ZONE_KIND_MAX];
    char name[ZONE_NAME_MAX];
    char boot[40];     /* a file's: the boot of the machine in which it was last used */
    uint32_t saved;    /* a file's: nobody has used it since it was written out */
    uint32_t generation; /* the newest that uses the zone */
    uint32_t state;    /* enum zone_state */
    uint32_t repairs, emptied; /* counts, for metrics and alerts */
    uint64_t id;
    uint64_t root;
    struct lock lock;
    struct slab slab;  /* to the end of the zone */
};

/* One process's view of a zone. */
struct zone {
    struct zone_header *header; /* the zone's base */
    size_t bytes;
    const struct zone_kind *kind;
    struct slots *slots; /* where its users book what they take; NULL for none. Set by the master */
    struct shm shm;
    char name[ZONE_NAME_MAX];
};

/* For the master ----------------------------------------------------------------------------- */

/* A new zone of at least `bytes`. NULL with *why, and errno, which is 0 if *why says all. */
struct zone *zone_create(const struct zone_kind *kind, struct str name, size_t bytes,
                         const char **why);

/* The same in a file, with what it holds if that was left by a zone of the same make; see
   shm_create_file. */
struct zone *zone_create_file(const struct zone_kind *kind, struct str name, size_t bytes,
                              const char *path, const char **why);

/* A zone inherited over a binary upgrade. NULL with *why if it is not of the same make as
   zone_create would give; the descriptor then stays the caller's. */
struct zone *zone_attach(const struct zone_kind *kind, struct str name, size_t bytes, int fd,
                         const char **why);

/* Whether the next generation may go on with it. */
bool zone_matches(const struct zone *z, const struct zone_kind *kind, struct str name,
                  size_t bytes);

void zone_set_generation(struct zone *z, uint32_t generation);

/* Writes a file's zone out, to be found whole after a restart of the machine. Only when no process
   uses it any more. */
bool zone_save(struct zone *z);

/* Gives up this process's view, never with the lock held; the memory goes with the last. */
void zone_destroy(struct zone *z);

/* For its users ------------------------------------------------------------------------------- */

/* After the lock was inherited, repairs or empties first. */
void zone_lock(struct zone *z);
void zone_unlock(struct zone *z);

/* In init: the zone is made, not emptied. What is allocated in one without a file is zero then. */
static inline bool zone_is_new(const struct zone *z)
{
    return z->header->magic == 0;
}

/* Under the lock: back to what init makes of it. All offsets are void, and the id is another. */
void zone_empty(struct zone *z);

/* Names this filling of this zone, in all of time: what was noted under another id is void. */
static inline uint64_t zone_id(const struct zone *z)
{
    return z->header->id;
}

static inline struct slab *zone_slab(struct zone *z)
{
    return &z->header->slab;
}

/* NULL for offset 0. */
static inline void *zone_ptr(const struct zone *z, uint64_t offset)
{
    assert(offset < z->bytes);
    return offset == 0 ? NULL : (char *)z->header + offset;
}

/* 0 for NULL. */
static inline uint64_t zone_offset(const struct zone *z, const void *ptr)
{
    return ptr == NULL ? 0 : (uint64_t)((const char *)ptr - (const char *)z->header);
}

/* The object from which all others are found. */
static inline void *zone_root(const struct zone *z)
{
    return zone_ptr(z, z->header->root);
}

static inline void zone_set_root(struct zone *z, uint64_t offset)
{
    z->header->root = offset;
}

/* slab_alloc, as a pointer; NULL when there is no room. */
static inline void *zone_alloc(struct zone *z, size_t bytes)
{
    return zone_ptr(z, slab_alloc(zone_slab(z), bytes));
}

static inline bool zone_free(struct zone *z, void *ptr)
{
    return slab_free(zone_slab(z), zone_offset(z, ptr));
}
