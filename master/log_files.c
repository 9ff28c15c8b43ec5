/*
 * master/log_files.c - opening logs, with privileges only around the call.
 */
#include "master/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/default_paths.h"
#include "common/dir.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/log_rotate.h"
#include "master/privilege.h"

static bool is_default(const char *path)
{
    return strcmp(path, default_paths.error_log) == 0 ||
           strcmp(path, default_paths.access_log) == 0;
}

/* Nobody was asked where these should be: their directory may not be there yet. */
static void make_default_directory(const char *path)
{
    if (is_default(path))
        dir_make_above(path, 0755);
}

/* What we were given may not be open to us by name: a socket of the journal's, a pipe of another
   user's. */
static int open_standard(const char *path)
{
    if (strcmp(path, "/dev/stdout") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (strcmp(path, "/dev/stderr") == 0)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return -1;
}

static int open_file(const char *path)
{
    int fd;

    make_default_directory(path);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0 && (errno == ENXIO || errno == EACCES))
        fd = open_standard(path);
    if (fd < 0)
        log_error(&process_log, LOG_EMERG, errno, "open() \"%s\" failed", path);
    return fd;
}

bool log_files_open(struct generation *gen)
{
    bool all = true;

    privilege_raise(PRIVILEGE_FILES);
    for (struct log_file *file = gen->log_files; file != NULL; file = file->next) {
        if (file->path == NULL || file->fd >= 0)
            continue;
        file->fd = open_file(file->path);
        all = all && file->fd >= 0;
        log_rotate_schedule(file);
    }
    privilege_lower();
    return all;
}

/* Why it could not be opened or made: 0 when it could, or when only our user stands in the way. */
static int open_trouble(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct stat st;
    char above[PATH_MAX];

    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (errno != ENOENT || is_default(path) || slash == NULL || slash == path)
        return errno == ENOTDIR ? ENOTDIR : 0;
    snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
    return stat(above, &st) != 0 && errno == ENOENT ? ENOENT : 0;
}

bool log_files_could_open(const struct generation *gen)
{
    bool all = true;

    privilege_raise(PRIVILEGE_FILES);
    for (struct log_file *file = gen->log_files; file != NULL; file = file->next) {
        int trouble = file->path == NULL ? 0 : open_trouble(file->path);

        if (trouble != 0)
            log_error(&process_log, LOG_EMERG, trouble, "open() \"%s\" failed", file->path);
        all = all && trouble == 0;
    }
    privilege_lower();
    return all;
}

void log_files_close(struct generation *gen)
{
    for (struct log_file *file = gen->log_files; file != NULL; file = file->next) {
        if (file->path == NULL || file->fd < 0)
            continue;
        close(file->fd);
        file->fd = -1;
    }
}

static void give_away(int fd, const char *path, uid_t uid)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid == uid)
        return;
    if (fchown(fd, uid, (gid_t)-1) != 0)
        log_error(&process_log, LOG_EMERG, errno, "chown(\"%s\", %u) failed", path,
                  (unsigned)uid);
}

int log_files_reopen(const struct log_file *file, int64_t uid)
{
    int fd;

    privilege_raise(PRIVILEGE_FILES);
    fd = open_file(file->path);
    if (fd >= 0 && uid >= 0 && privilege_is_root())
        give_away(fd, file->path, (uid_t)uid);
    privilege_lower();
    return fd;
}

int log_files_error_fd(const struct generation *gen)
{
    const struct log_sink *sink = core_conf(gen)->error_log;

    for (; sink != NULL; sink = sink->next)
        if (sink->file->syslog == NULL && sink->file->fd >= 0)
            return sink->file->fd;
    return -1;
}
