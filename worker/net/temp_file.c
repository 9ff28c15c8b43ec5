/*
 * worker/net/temp_file.c - O_TMPFILE where the file system has it, else a name that is unlinked.
 *
 * Names are ten digits; the subdirectories of `levels` are taken from their end, as nginx does, so
 * that what an operator sees there looks familiar.
 */
#include "worker/net/temp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/generation.h"

#define NAME_DIGITS 10
#define TRIES       100

/* "/path" + "/3" + "/12" + "/0000000123": returns the length of the last directory, or 0 when there
   is no room. */
static size_t print_name(const struct temp_path *dir, uint32_t number, char *out, size_t room)
{
    char digits[NAME_DIGITS + 1];
    size_t len = dir->path.len, end = NAME_DIGITS;

    if (len > 0 && dir->path.data[len - 1] == '/')
        len--;
    if (room < len + 3 * 4 + NAME_DIGITS + 2)
        return 0;
    memcpy(out, dir->path.data, len);
    snprintf(digits, sizeof(digits), "%010u", number);
    for (size_t i = 0; i < COUNT(dir->levels) && dir->levels[i] != 0; i++) {
        size_t n = MIN(dir->levels[i], 3);

        end -= n;
        out[len++] = '/';
        memcpy(out + len, digits + end, n);
        len += n;
    }
    out[len] = '/';
    memcpy(out + len + 1, digits, sizeof(digits));
    return len;
}

/* Makes the directories between the temp path and the file. */
static void make_levels(const struct temp_path *dir, char *name, size_t dir_len)
{
    for (size_t i = dir->path.len + 1; i <= dir_len; i++)
        if (name[i] == '/') {
            name[i] = '\0';
            mkdir(name, 0700); /* what fails here fails again, and is logged, at open */
            name[i] = '/';
        }
}

static int create(const struct temp_path *dir, char *name, size_t dir_len)
{
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    make_levels(dir, name, dir_len);
    return open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

int temp_file_open_named(const struct temp_path *dir, const struct log *log, char *name,
                         size_t room)
{
    static uint32_t number;
    int fd = -1;

    if (number == 0)
        number = (uint32_t)getpid() * 10007u;
    errno = ENAMETOOLONG;
    for (int i = 0; i < TRIES && fd < 0; i++) {
        size_t dir_len = print_name(dir, ++number, name, room);

        if (dir_len == 0)
            break;
        fd = create(dir, name, dir_len);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        log_error(log, LOG_CRIT, errno, "open() of a temporary file in \"%" STR_FMT "\" failed",
                  STR_ARG(dir->path));
    return fd;
}

static int open_unlinked(const struct temp_path *dir, const struct log *log)
{
    char name[4096];
    int fd = temp_file_open_named(dir, log, name, sizeof(name));

    if (fd >= 0 && unlink(name) != 0)
        log_error(log, LOG_CRIT, errno, "unlink() \"%s\" failed", name);
    return fd;
}

int temp_file_open(const struct temp_path *dir, const struct log *log)
{
    char path[4096];
    int fd;

    if (dir->path.len >= sizeof(path))
        return open_unlinked(dir, log); /* which says that it is too long */
    memcpy(path, dir->path.data, dir->path.len);
    path[dir->path.len] = '\0';
    fd = open(path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
        return open_unlinked(dir, log);
    log_error(log, LOG_CRIT, errno, "open() of a temporary file in \"%s\" failed", path);
    return -1;
}

enum rc temp_file_write(int fd, const void *data, size_t len, int64_t offset,
                        const struct log *log)
{
    const char *from = data;

    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log_error(log, LOG_CRIT, n < 0 ? errno : ENOSPC,
                      "pwrite() to a temporary file failed");
            return RC_ERROR;
        }
        from += n;
        offset += n;
        len -= (size_t)n;
    }
    return RC_OK;
}
