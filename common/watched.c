/*
 * common/watched.c - sets of watched files, and how their contents travel.
 *
 * Packed: for each file four bytes of length (all ones: there is no file) and the bytes.
 */
#include "common/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"

#define NO_FILE UINT32_MAX

struct watched_set *watched_add(struct generation *gen, struct watched_file *files, uint32_t count)
{
    struct watched_set *set = pool_zalloc(gen->pool, sizeof(*set));

    set->files = files;
    set->count = count;
    set->index = gen->watched == NULL ? 0 : gen->watched->index + 1;
    set->next = gen->watched; /* the newest first */
    gen->watched = set;
    return set;
}

struct watched_set *watched_find(const struct generation *gen, uint32_t index)
{
    struct watched_set *set = gen->watched;

    while (set != NULL && set->index != index)
        set = set->next;
    return set;
}

struct file_stamp watched_stamp_of(const struct stat *st)
{
    return (struct file_stamp){.changed = st->st_ctim, .modified = st->st_mtim, .dev = st->st_dev,
                               .ino = st->st_ino, .bytes = st->st_size};
}

bool watched_stamp(struct str path, struct file_stamp *stamp)
{
    char text[4096];
    struct stat st;

    memset(stamp, 0, sizeof(*stamp));
    if (path.len >= sizeof(text))
        return false;
    memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    if (stat(text, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *stamp = watched_stamp_of(&st);
    return true;
}

static bool time_eq(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool watched_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->bytes == b->bytes &&
           time_eq(&a->changed, &b->changed) && time_eq(&a->modified, &b->modified);
}

/* Packing -------------------------------------------------------------------------------------- */

static bool put(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

int watched_pack(const struct str *contents, uint32_t count)
{
    int fd = memfd_create("weir files", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool good = fd >= 0;
    int err;

    for (uint32_t i = 0; good && i < count; i++) {
        uint32_t len = contents[i].data == NULL ? NO_FILE : (uint32_t)contents[i].len;

        good = put(fd, &len, sizeof(len)) && put(fd, contents[i].data, contents[i].len);
    }
    good = good && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
                                              F_SEAL_SEAL) == 0;
    if (good || fd < 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

/* Where each file's bytes are. */
static bool unpack(struct str text, struct str *contents, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t len;

        if (text.len < sizeof(len))
            return false;
        memcpy(&len, text.data, sizeof(len));
        text = str_from(text, sizeof(len));
        contents[i] = STR_NONE;
        if (len == NO_FILE)
            continue;
        if (len > text.len)
            return false;
        contents[i] = (struct str){text.data, len};
        text = str_from(text, len);
    }
    return text.len == 0;
}

static void take(struct generation *gen, struct watched_set *set, struct str text)
{
    struct pool *scratch = pool_create(POOL_BLOCK);
    struct str *contents = pool_alloc(scratch, set->count * sizeof(*contents));

    if (unpack(text, contents, set->count))
        set->take(gen, set, contents, false);
    else
        log_error(&process_log, LOG_ALERT, 0, "files from the master are damaged");
    pool_destroy(scratch);
}

void watched_receive(struct generation *gen, int64_t index, int fd)
{
    struct watched_set *set = index < 0 ? NULL : watched_find(gen, (uint32_t)index);
    struct stat st;
    void *bytes = MAP_FAILED;

    if (fd < 0)
        return;
    if (set != NULL && fstat(fd, &st) == 0 && st.st_size > 0)
        bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) {
        log_error(&process_log, LOG_ALERT, errno, "files from the master cannot be read");
        return;
    }
    take(gen, set, (struct str){bytes, (size_t)st.st_size});
    munmap(bytes, (size_t)st.st_size);
}
