/*
 * worker/http/file_walk.c - opening a path where symbolic links may not be followed, or not all.
 *
 * Where the kernel has openat2 it refuses links by itself, in one call. Else, and where a link's
 * owner decides, the path is walked name by name, each opened below the directory before it: what
 * others rename or link meanwhile changes nothing about what was already passed.
 */
#include "worker/http/file_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRIES 8 /* for a name that is a link, then none, then one again */

static atomic_bool has_openat2 = true; /* threads walk too */

static void close_keeping_errno(int fd)
{
    int err = errno;

    if (fd >= 0) /* not AT_FDCWD */
        close(fd);
    errno = err;
}

/* No link at all in `path`, which may be absolute. */
static int open_linkless(int dir, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS};

    return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

/* One name ------------------------------------------------------------------------------------- */

/* What a link leads to, if both belong to one user. The link is read through its descriptor: it
   is the one whose owner was asked for. */
static int follow_own(int dir, int link, const struct stat *link_st, int flags)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(link, "", target, sizeof(target) - 1);
    struct stat st;
    int fd;

    if (len < 0)
        return -1;
    target[len] = '\0';
    fd = openat(dir, target, flags | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && st.st_uid == link_st->st_uid)
        return fd;
    close(fd);
    errno = ELOOP;
    return -1;
}

/* -1 with errno 0: it is no link any more. */
static int open_owned(int dir, const char *name, int flags)
{
    int link = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1;
    struct stat st;

    if (link < 0)
        return -1;
    if (fstat(link, &st) == 0) {
        errno = 0;
        if (S_ISLNK(st.st_mode))
            fd = follow_own(dir, link, &st, flags);
    }
    close_keeping_errno(link);
    return fd;
}

/* ELOOP for a link, also where open says otherwise: with O_PATH it opens the link itself, with
   O_DIRECTORY it says that it is no directory. */
static int open_no_link(int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        if (errno == ENOTDIR && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
        return -1;
    }
    if (!(flags & O_PATH) || (fstat(fd, &st) == 0 && !S_ISLNK(st.st_mode)))
        return fd;
    close(fd);
    errno = ELOOP;
    return -1;
}

int file_walk_open_at(const struct file_walk *walk, int dir, const char *name, int flags)
{
    int fd = -1;

    if (walk->links == LINKS_FOLLOW)
        return openat(dir, name, flags | O_CLOEXEC);
    for (int i = 0; i < TRIES; i++) {
        fd = open_no_link(dir, name, flags);
        if (fd >= 0 || errno != ELOOP || walk->links == LINKS_NEVER)
            return fd;
        fd = open_owned(dir, name, flags);
        if (fd >= 0 || errno != 0)
            return fd;
    }
    errno = ELOOP;
    return -1;
}

/* A path --------------------------------------------------------------------------------------- */

/* The next name of *rest, which loses it and the '/'s behind it; false where it does not fit. */
static bool take_name(struct str *rest, char name[NAME_MAX + 1], bool *last)
{
    const char *slash = memchr(rest->data, '/', rest->len);
    size_t len = slash != NULL ? (size_t)(slash - rest->data) : rest->len;

    if (len > NAME_MAX)
        return false;
    memcpy(name, rest->data, len);
    name[len] = '\0';
    *last = slash == NULL;
    while (len < rest->len && rest->data[len] == '/')
        len++;
    *rest = str_from(*rest, len);
    return true;
}

/* The rest of a path, which does not begin with '/', below `dir`, which is closed. */
static int walk_from(const struct file_walk *walk, int dir, struct str rest, int flags)
{
    char name[NAME_MAX + 1];
    bool last = false;

    while (dir >= 0 && !last) {
        int next = -1;

        if (rest.len == 0) { /* it ended with '/': the directory itself */
            strcpy(name, ".");
            last = true;
        } else if (!take_name(&rest, name, &last)) {
            errno = ENAMETOOLONG;
            close_keeping_errno(dir);
            return -1;
        }
        next = file_walk_open_at(walk, dir, name, last ? flags : O_PATH);
        if (next < 0 && errno == ELOOP && !last && walk->links == LINKS_NEVER)
            errno = ENOTDIR;
        close_keeping_errno(dir);
        dir = next;
    }
    return dir;
}

/* The directory that the trusted part names, or "/". */
static int open_trusted(const struct file_walk *walk, struct str path)
{
    char text[PATH_MAX] = "/";

    if (walk->trusted == 0 && path.len > 0 && path.data[0] != '/')
        return open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (path.len >= sizeof(text)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (walk->trusted > 0) {
        memcpy(text, path.data, walk->trusted);
        text[walk->trusted] = '\0';
    }
    return open(text, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static struct str behind_trusted(const struct file_walk *walk, struct str path)
{
    path = str_from(path, walk->trusted);
    while (path.len > 0 && path.data[0] == '/')
        path = str_from(path, 1);
    return path;
}

/* By the kernel alone. False: it cannot say, the path has to be walked. */
static bool open_at_once(const struct file_walk *walk, struct str path, int flags, int *fd)
{
    struct str rest = behind_trusted(walk, path);
    int dir = AT_FDCWD;

    if (!has_openat2)
        return false;
    if (walk->trusted > 0 && (dir = open_trusted(walk, path)) < 0)
        *fd = -1;
    else if (walk->trusted == 0)
        *fd = open_linkless(AT_FDCWD, path.data, flags);
    else
        *fd = open_linkless(dir, rest.len > 0 ? rest.data : ".", flags);
    close_keeping_errno(dir);
    if (*fd >= 0)
        return true;
    if (errno == ENOSYS)
        has_openat2 = false;
    return errno != ENOSYS && errno != EPERM && errno != ELOOP; /* which was the link, and whose? */
}

int file_walk_open(const struct file_walk *walk, struct str path, int flags)
{
    int fd, top;

    if (walk->links == LINKS_FOLLOW)
        return open(path.data, flags | O_CLOEXEC);
    if (open_at_once(walk, path, flags, &fd))
        return fd;
    top = open_trusted(walk, path);
    return top < 0 ? -1 : walk_from(walk, top, behind_trusted(walk, path), flags);
}

int file_walk_stat(const struct file_walk *walk, struct str path, struct stat *st)
{
    int fd, result;

    if (walk->links == LINKS_FOLLOW)
        return stat(path.data, st);
    fd = file_walk_open(walk, path, O_PATH);
    if (fd < 0)
        return -1;
    result = fstat(fd, st);
    close_keeping_errno(fd);
    return result;
}

int file_walk_parent(const struct file_walk *walk, struct str path, struct str *name)
{
    char above[PATH_MAX];
    ssize_t slash;

    while (path.len > 1 && path.data[path.len - 1] == '/')
        path.len--;
    slash = str_rfind(path, '/');
    if (path.len >= sizeof(above)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *name = str_from(path, (size_t)(slash + 1));
    memcpy(above, path.data, (size_t)slash + 1);
    above[slash + 1] = '\0';
    if (walk->trusted > (size_t)slash)
        return open(above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return file_walk_open(walk, (struct str){above, (size_t)slash + 1}, O_PATH | O_DIRECTORY);
}
