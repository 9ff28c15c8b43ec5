/*
 * common/log_rotate.c - log files that the server rotates itself.
 *
 * Two masters (a binary upgrade) may have the same file: a lock on it lets one of them act, and the
 * other then sees that the path leads elsewhere.
 */
#include "common/log_rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

#define ASK_MS  1000    /* between two questions about the same file */
#define REST_MS 60000   /* after a failure */
#define BUSY_MS 100     /* while another process has the lock */

static log_rotate_fn *on_full;

/* Writing ------------------------------------------------------------------------------------- */

void log_rotate_on_full(log_rotate_fn *ask)
{
    on_full = ask;
}

void log_rotate_wrote(struct log_file *file, size_t bytes)
{
    struct stat st;
    int64_t left;

    file->look_in_bytes -= (int64_t)bytes;
    if (file->look_in_bytes > 0 || file->rotation->bytes == 0 || fstat(file->fd, &st) != 0)
        return;
    left = file->rotation->bytes - st.st_size;
    if (left > 0) {
        file->look_in_bytes = left / 16;
    } else if (clock_mono_ms >= file->ask_at_ms && S_ISREG(st.st_mode) && on_full != NULL) {
        file->ask_at_ms = clock_mono_ms + ASK_MS;
        on_full(file);
    }
}

void log_rotate_replaced(struct log_file *file)
{
    file->look_in_bytes = 0;
    file->ask_at_ms = 0;
}

/* When -------------------------------------------------------------------------------------- */

static int64_t age_ms(int fd)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) != 0 || !(st.stx_mask & STATX_BTIME))
        return 0;
    return MAX(clock_wall_ms - st.stx_btime.tv_sec * 1000 - st.stx_btime.tv_nsec / 1000000, 0);
}

void log_rotate_schedule(struct log_file *file)
{
    struct stat st;

    if (file->rotation == NULL || file->fd < 0)
        return;
    file->rotate_at_ms = INT64_MAX;
    if (fstat(file->fd, &st) == 0 && !S_ISREG(st.st_mode))
        log_error(&process_log, LOG_WARN, 0, "\"%s\" is not a regular file: it is not rotated",
                  file->path);
    else if (file->rotation->age_ms > 0)
        file->rotate_at_ms = clock_mono_ms + MAX(file->rotation->age_ms - age_ms(file->fd), 0);
}

static bool is_due(struct log_file *file, const struct stat *st)
{
    if (file->rotation->bytes > 0 && st->st_size >= file->rotation->bytes)
        return true;
    if (clock_mono_ms < file->rotate_at_ms)
        return false;
    file->rotate_at_ms = clock_mono_ms + file->rotation->age_ms;
    return st->st_size > 0;
}

/* How ----------------------------------------------------------------------------------------- */

void log_rotate_failed(struct log_file *file)
{
    file->rotate_rest_ms = clock_mono_ms + REST_MS;
}

static bool failed(struct log_file *file, const char *what, const char *path)
{
    log_error(&process_log, LOG_CRIT, errno, "%s \"%s\" failed while rotating it", what, path);
    log_rotate_failed(file);
    return false;
}

static void print_name(char out[PATH_MAX + 24], const char *path, int64_t number)
{
    if (number == 0)
        snprintf(out, PATH_MAX + 24, "%s", path);
    else
        snprintf(out, PATH_MAX + 24, "%s.%lld", path, (long long)number);
}

/* Each file a number up, from the first number that is free (or the last that is kept, which is
   replaced) down to the file itself: a crash in between leaves a gap, and loses nothing. */
static bool shift(struct log_file *file)
{
    char from[PATH_MAX + 24], to[PATH_MAX + 24];
    struct stat st;
    int64_t free_at = 1;

    print_name(to, file->path, free_at);
    while (free_at < file->rotation->keep && lstat(to, &st) == 0)
        print_name(to, file->path, ++free_at);
    for (int64_t i = free_at; i > 0; i--) {
        print_name(from, file->path, i - 1);
        print_name(to, file->path, i);
        if (rename(from, to) != 0)
            return failed(file, "rename()", from);
    }
    return true;
}

static void make_like(const struct log_file *file, const struct stat *old)
{
    int fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  old->st_mode & 0666);

    if (fd < 0) {
        if (errno != EEXIST)
            log_error(&process_log, LOG_CRIT, errno, "open() \"%s\" failed", file->path);
        return;
    }
    if (fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM)
        log_error(&process_log, LOG_ERROR, errno, "fchown() \"%s\" failed", file->path);
    if (fchmod(fd, old->st_mode & 0777) != 0)
        log_error(&process_log, LOG_ERROR, errno, "fchmod() \"%s\" failed", file->path);
    close(fd);
}

/* With the lock. */
static bool rotate(struct log_file *file)
{
    struct stat open_now, at_path;

    if (fstat(file->fd, &open_now) != 0)
        return failed(file, "fstat()", file->path);
    if (!S_ISREG(open_now.st_mode))
        return false;
    if (stat(file->path, &at_path) != 0) {
        if (errno != ENOENT)
            return failed(file, "stat()", file->path);
        return true;
    }
    if (open_now.st_dev != at_path.st_dev || open_now.st_ino != at_path.st_ino)
        return true;
    if (!is_due(file, &open_now) || !shift(file))
        return false;
    make_like(file, &open_now);
    return true;
}

bool log_rotate(struct log_file *file)
{
    bool moved;

    if (file->rotation == NULL || file->fd < 0 || clock_mono_ms < file->rotate_rest_ms)
        return false;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return failed(file, "flock()", file->path);
        file->rotate_rest_ms = clock_mono_ms + BUSY_MS;
        return false;
    }
    moved = rotate(file);
    flock(file->fd, LOCK_UN);
    return moved;
}
