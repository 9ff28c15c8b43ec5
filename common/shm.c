/*
 * common/shm.c - memory that several processes map.
 *
 * Mappings are left out of core dumps: they may be many gigabytes, hold keys, and a worker that
 * crashed is respawned only when its dump is written.
 */
#include "common/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(struct shm *s, int fd, size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED)
        return false;
    (void)madvise(base, bytes, MADV_DONTDUMP);
    *s = (struct shm){.base = base, .bytes = bytes, .fd = fd};
    return true;
}

static bool close_and_fail(int fd)
{
    int err = errno;

    close(fd);
    errno = err;
    return false;
}

static bool fits_a_file(size_t bytes)
{
    if (bytes > 0 && bytes <= INT64_MAX)
        return true;
    errno = bytes == 0 ? EINVAL : EFBIG;
    return false;
}

bool shm_create(struct shm *s, const char *name, size_t bytes)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int fd;

    if (!fits_a_file(bytes))
        return false;
    fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return false;
    if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0 || !map(s, fd, bytes))
        return close_and_fail(fd);
    return true;
}

static bool is_our_plain_file(const struct stat *st)
{
    if (S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == geteuid())
        return true;
    errno = EPERM;
    return false;
}

/* Empty, then grown to size with its blocks allocated: a hole that the disk cannot fill would be a
   SIGBUS later. */
static bool lay_out(int fd, size_t bytes)
{
    int err;

    if (ftruncate(fd, 0) < 0)
        return false;
    do {
        err = posix_fallocate(fd, 0, (off_t)bytes);
    } while (err == EINTR);
    errno = err;
    return err == 0;
}

static bool prepare_file(int fd, size_t bytes, bool *kept)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !is_our_plain_file(&st) || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return false;
    /* Again under the lock: whoever held it before us may have resized the file. */
    if (fstat(fd, &st) < 0)
        return false;
    *kept = (size_t)st.st_size == bytes;
    return *kept || lay_out(fd, bytes);
}

bool shm_create_file(struct shm *s, const char *path, size_t bytes, bool *kept)
{
    int fd;

    if (!fits_a_file(bytes))
        return false;
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return false;
    if (!prepare_file(fd, bytes, kept) || !map(s, fd, bytes))
        return close_and_fail(fd);
    return true;
}

bool shm_attach(struct shm *s, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        errno = EINVAL;
        return false;
    }
    if (!map(s, fd, (size_t)st.st_size))
        return false;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return true;
}

void shm_forget_fd(struct shm *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void shm_close(struct shm *s)
{
    shm_forget_fd(s);
    if (s->base != NULL)
        munmap(s->base, s->bytes);
    *s = (struct shm){.fd = -1};
}

void *shm_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return pages == MAP_FAILED ? NULL : pages;
}

void shm_pages_free(void *pages, size_t bytes)
{
    if (pages != NULL)
        munmap(pages, bytes);
}
