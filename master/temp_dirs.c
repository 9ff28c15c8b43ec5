/*
 * master/temp_dirs.c - mkdir and chown for proxy_temp_path and its kin.
 */
#include "master/temp_dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/core_conf.h"
#include "common/dir.h"
#include "common/generation.h"
#include "master/privilege.h"

static bool fail(const char *call, const char *path)
{
    log_error(&process_log, LOG_EMERG, errno, "%s \"%s\" failed", call, path);
    return false;
}

static bool is_directory(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool hand_over(const char *path, const struct core_conf *core)
{
    struct stat st;
    int fd;

    if (!privilege_is_root() || core->uid < 0)
        return true;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail("open()", path);
    if (st.st_uid != (uid_t)core->uid && fchown(fd, (uid_t)core->uid, (gid_t)-1) != 0) {
        close(fd);
        return fail("chown()", path);
    }
    close(fd);
    return true;
}

static bool create(const struct temp_path *temp, const struct core_conf *core)
{
    char path[PATH_MAX];
    size_t len = temp->path.len;

    while (len > 1 && temp->path.data[len - 1] == '/')
        len--;
    if (len >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return fail("mkdir()", temp->path.data);
    }
    snprintf(path, sizeof(path), "%.*s", (int)len, temp->path.data);
    if (is_directory(path)) {
        if (temp->as_found)
            return true;
    } else {
        dir_make_above(path, 0755); /* what goes wrong here shows below */
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return fail("mkdir()", path);
    }
    return hand_over(path, core);
}

bool temp_dirs_create(const struct generation *gen)
{
    bool all = true;

    privilege_raise(PRIVILEGE_FILES);
    EACH(struct temp_path *const, temp, &gen->paths)
        all = create(*temp, core_conf(gen)) && all;
    privilege_lower();
    return all;
}
