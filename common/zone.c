/*
 * common/zone.c - shared memory with a name, a lock and an allocator.
 *
 * A file's contents are trusted when they were saved, or when the machine has not been started anew
 * since (then memory had the last word, and only a process can have died: the first user repairs).
 * After a power cut, pages of different age may have reached the disk: such a zone starts empty.
 */
#include "common/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC   0x656e6f7a72696577u /* "weirzone" */
#define VERSION 1

static inline void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static uint64_t layout(void)
{
    const uint64_t parts[] = {
        VERSION, sizeof(struct zone_header), offsetof(struct zone_header, lock),
        sizeof(struct slab), sizeof(struct slab_page), SLAB_PAGE, SLAB_CLASSES, lock_layout(),
    };

    return str_hash_fixed((struct str){(const char *)parts, sizeof(parts)});
}

static void random_bytes(void *out, size_t bytes)
{
    must(getrandom(out, bytes, 0) == (ssize_t)bytes);
}

static size_t whole_pages(size_t bytes)
{
    bytes = MAX(bytes, (size_t)ZONE_MIN_BYTES);
    return bytes > SIZE_MAX - SLAB_PAGE ? bytes : (bytes + SLAB_PAGE - 1) / SLAB_PAGE * SLAB_PAGE;
}

/* Making ------------------------------------------------------------------------------------- */

static void *refuse(const char **why, const char *text, int err)
{
    *why = text;
    errno = err;
    return NULL;
}

static bool names_fit(const struct zone_kind *kind, struct str name, const char **why)
{
    if (name.len >= ZONE_NAME_MAX)
        refuse(why, "zone name is too long", 0);
    else if (strlen(kind->name) >= ZONE_KIND_MAX)
        refuse(why, "zone kind has too long a name", 0);
    else
        return true;
    return false;
}

static struct zone *view(const struct zone_kind *kind, struct str name, const struct shm *shm)
{
    struct zone *z = calloc(1, sizeof(*z));

    must(z != NULL);
    z->header = shm->base;
    z->bytes = shm->bytes;
    z->kind = kind;
    z->shm = *shm;
    memcpy(z->name, name.data, name.len);
    return z;
}

/* Text that is the same for two calls only within one boot of the machine. */
static void read_boot(char *out, size_t room)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, room - 1);

    if (fd >= 0)
        close(fd);
    if (got <= 0)
        random_bytes(out, room);
    out[room - 1] = '\0';
}

/* The zone without contents: all of the header but what `init` makes. */
static bool lay_out(struct zone *z, bool zeroed)
{
    struct zone_header *h = z->header;

    h->magic = 0;
    fence();
    h->layout = layout();
    h->bytes = z->bytes;
    h->kind_layout = z->kind->layout_version;
    snprintf(h->kind, sizeof(h->kind), "%s", z->kind->name);
    memcpy(h->name, z->name, sizeof(h->name));
    h->saved = 0;
    h->generation = 0;
    h->state = ZONE_EMPTYING;
    h->repairs = h->emptied = 0;
    random_bytes(&h->id, sizeof(h->id));
    h->root = 0;
    lock_init(&h->lock);
    return slab_init(&h->slab, offsetof(struct zone_header, slab), z->bytes, zeroed);
}

static bool fill(struct zone *z, bool zeroed)
{
    if (!lay_out(z, zeroed) || !z->kind->init(z))
        return false;
    z->header->state = ZONE_READY;
    fence();
    z->header->magic = MAGIC;
    return true;
}

static const char *mismatch(const struct zone *z)
{
    const struct zone_header *h = z->header;

    if (z->bytes < sizeof(*h) || h->magic != MAGIC)
        return "holds no zone";
    if (h->layout != layout())
        return "zone is of another version of the program or of libc";
    if (strncmp(h->kind, z->kind->name, sizeof(h->kind)) != 0)
        return "zone is of another kind";
    if (h->kind_layout != z->kind->layout_version)
        return "zone has another layout";
    if (h->bytes != z->bytes)
        return "zone has another size";
    return memcmp(h->name, z->name, sizeof(h->name)) == 0 ? NULL : "zone has another name";
}

struct zone *zone_create(const struct zone_kind *kind, struct str name, size_t bytes,
                         const char **why)
{
    struct shm shm;
    struct zone *z;
    char label[ZONE_NAME_MAX + 8];

    if (!names_fit(kind, name, why))
        return NULL;
    snprintf(label, sizeof(label), "zone:%" STR_FMT, STR_ARG(name));
    if (!shm_create(&shm, label, whole_pages(bytes)))
        return refuse(why, "cannot get shared memory", errno);
    z = view(kind, name, &shm);
    if (fill(z, true))
        return z;
    zone_destroy(z);
    return refuse(why, "zone is too small", 0);
}

/* Whether a file's zone can go on as it is. The lock's last holder is from before the restart, so
   it begins anew, and the first user looks after what was left half done. */
static bool resume(struct zone *z, const char *boot)
{
    struct zone_header *h = z->header;

    if (mismatch(z) != NULL || (!h->saved && memcmp(h->boot, boot, sizeof(h->boot)) != 0))
        return false;
    if (!h->saved && h->state == ZONE_READY)
        h->state = ZONE_DAMAGED;
    lock_init(&h->lock);
    return true;
}

struct zone *zone_create_file(const struct zone_kind *kind, struct str name, size_t bytes,
                              const char *path, const char **why)
{
    struct shm shm;
    struct zone *z;
    bool kept;
    char boot[sizeof(z->header->boot)] = "";

    if (!names_fit(kind, name, why))
        return NULL;
    if (!shm_create_file(&shm, path, whole_pages(bytes), &kept))
        return refuse(why, errno == EWOULDBLOCK ? "zone file is in use" : "cannot use zone file",
                      errno);
    read_boot(boot, sizeof(boot));
    z = view(kind, name, &shm);
    if (!(kept && resume(z, boot)) && !fill(z, !kept)) {
        zone_destroy(z);
        return refuse(why, "zone is too small", 0);
    }
    memcpy(z->header->boot, boot, sizeof(boot));
    fence();
    z->header->saved = 0;
    return z;
}

struct zone *zone_attach(const struct zone_kind *kind, struct str name, size_t bytes, int fd,
                         const char **why)
{
    struct shm shm;
    struct zone *z;

    if (!names_fit(kind, name, why))
        return NULL;
    if (!shm_attach(&shm, fd))
        return refuse(why, "cannot map zone", errno);
    z = view(kind, name, &shm);
    *why = z->bytes == whole_pages(bytes) ? mismatch(z) : "zone has another size";
    if (*why == NULL)
        return z;
    z->shm.fd = -1; /* stays the caller's */
    zone_destroy(z);
    errno = 0;
    return NULL;
}

bool zone_matches(const struct zone *z, const struct zone_kind *kind, struct str name, size_t bytes)
{
    return z->kind == kind && z->bytes == whole_pages(bytes) && str_eq(str_of(z->name), name);
}

void zone_set_generation(struct zone *z, uint32_t generation)
{
    z->header->generation = generation;
}

bool zone_save(struct zone *z)
{
    if (z->header->state == ZONE_READY && lock_was_left(&z->header->lock))
        z->header->state = ZONE_DAMAGED;
    if (msync(z->header, z->bytes, MS_SYNC) < 0)
        return false;
    z->header->saved = 1;
    return msync(z->header, z->bytes, MS_SYNC) == 0;
}

void zone_destroy(struct zone *z)
{
    shm_close(&z->shm);
    free(z);
}

/* Using -------------------------------------------------------------------------------------- */

void zone_empty(struct zone *z)
{
    struct zone_header *h = z->header;

    h->state = ZONE_EMPTYING;
    fence();
    h->id++;
    h->root = 0;
    must(slab_init(&h->slab, offsetof(struct zone_header, slab), z->bytes, false));
    must(z->kind->init(z)); /* it did on the same size when the zone was made */
    h->emptied++;
    fence();
    h->state = ZONE_READY;
}

static void put_in_order(struct zone *z)
{
    struct zone_header *h = z->header;
    bool whole = false;

    if (h->state != ZONE_EMPTYING) {
        h->state = ZONE_DAMAGED;
        fence();
        slab_repair(&h->slab);
        whole = z->kind->repair != NULL && z->kind->repair(z);
    }
    if (!whole) {
        zone_empty(z);
        return;
    }
    h->repairs++;
    fence();
    h->state = ZONE_READY;
}

void zone_lock(struct zone *z)
{
    enum lock_result how = lock_take(&z->header->lock);

    if (likely(how == LOCK_CLEAN && z->header->state == ZONE_READY))
        return;
    put_in_order(z);
    if (how == LOCK_INHERITED)
        lock_repaired(&z->header->lock);
}

void zone_unlock(struct zone *z)
{
    lock_give(&z->header->lock);
}
