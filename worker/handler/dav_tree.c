/*
 * worker/handler/dav_tree.c - files and whole directories copied and removed, in a thread.
 */
#include "worker/handler/dav_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MOST  1000         /* of directories in directories: each takes a descriptor */
#define COPY_BYTES  (128 * 1024)
#define RANGE_BYTES (8 << 20)    /* that the kernel copies in one call */

void tree_make_name(char name[TREE_NAME])
{
    uint64_t n = 0;

    if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
        n = (uint64_t)(uintptr_t)&n ^ (uint64_t)clock();
    snprintf(name, TREE_NAME, ".weir-%016llx.tmp", (unsigned long long)n);
}

/* The files of a directory --------------------------------------------------------------------- */

/* Names, read before anything is done about them, so that no stream stays open below. */
struct names {
    char *text;      /* one after the other, each with its NUL */
    size_t len, room;
};

static int add_name(struct names *names, const char *name)
{
    size_t len = strlen(name) + 1;

    if (names->len + len > names->room) {
        size_t room = MAX(names->room * 2, 4096);
        char *more = realloc(names->text, room);

        if (more == NULL)
            return ENOMEM;
        names->text = more;
        names->room = room;
    }
    memcpy(names->text + names->len, name, len);
    names->len += len;
    return 0;
}

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* `dir` stays open. names->text is the caller's to free. */
static int list_names(int dir, struct names *names)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    *names = (struct names){NULL, 0, 0};
    if (stream == NULL) {
        err = errno;
        if (copy >= 0)
            close(copy);
        return err;
    }
    for (errno = 0; err == 0 && (entry = readdir(stream)) != NULL; errno = 0)
        if (!is_dots(entry->d_name))
            err = add_name(names, entry->d_name);
    if (err == 0)
        err = errno;
    closedir(stream);
    return err;
}

/* Calls `each` for every name, as long as it returns 0. */
struct walker {
    int (*each)(struct walker *w, int dir, const char *name);
    int to_dir;      /* where copies go */
    unsigned depth;
};

static int for_each(struct walker *w, int dir)
{
    struct names names;
    int err = list_names(dir, &names);

    for (size_t at = 0; err == 0 && at < names.len; at += strlen(names.text + at) + 1)
        err = w->each(w, dir, names.text + at);
    free(names.text);
    return err;
}

static int open_dir(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Removing ------------------------------------------------------------------------------------- */

static int remove_one(struct walker *w, int dir, const char *name);

static int remove_directory(struct walker *w, int dir, const char *name)
{
    int fd, err;

    if (w->depth == DEPTH_MOST)
        return ELOOP;
    fd = open_dir(dir, name);
    if (fd < 0)
        return errno;
    w->depth++;
    err = for_each(w, fd);
    w->depth--;
    close(fd);
    if (err == 0 && unlinkat(dir, name, AT_REMOVEDIR) != 0)
        err = errno;
    return err;
}

/* What somebody else removed first is removed. */
static int remove_one(struct walker *w, int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno == EISDIR || errno == EPERM) { /* which of them, depends on the file system */
        int err = errno, result = remove_directory(w, dir, name);

        return result == ENOTDIR || result == ELOOP ? err : result;
    }
    return errno;
}

int tree_remove(int dir, const char *name)
{
    struct walker w = {.each = remove_one};

    return remove_one(&w, dir, name);
}

/* Copying a file ------------------------------------------------------------------------------- */

static int copy_by_hand(int from, int to)
{
    char *buffer = malloc(COPY_BYTES);
    ssize_t n = 0, done;
    int err = buffer == NULL ? ENOMEM : 0;

    while (err == 0 && (n = read(from, buffer, COPY_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        for (ssize_t at = 0; n > 0 && at < n && err == 0; at += MAX(done, 0)) {
            done = write(to, buffer + at, (size_t)(n - at));
            if (done < 0 && errno != EINTR)
                err = errno;
        }
        if (n < 0)
            err = errno;
    }
    free(buffer);
    return err;
}

static int copy_bytes(int from, int to)
{
    ssize_t n;
    bool begun = false;

    while ((n = copy_file_range(from, NULL, to, NULL, RANGE_BYTES, 0)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return begun || errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                       ? errno : copy_by_hand(from, to);
        begun = true;
    }
    return begun ? 0 : copy_by_hand(from, to); /* some file systems say 0 for what is not empty */
}

/* Under its name, in the place of what is there. */
static int put_in_place(int dir, const char *made, const char *name)
{
    int err;

    if (renameat(dir, made, dir, name) == 0)
        return 0;
    err = errno;
    unlinkat(dir, made, 0);
    return err;
}

/* A file without a name gets one. */
static int link_nameless(int fd, int dir, const char *name)
{
    char self[40], made[TREE_NAME];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != EEXIST)
        return errno;
    tree_make_name(made);
    if (linkat(AT_FDCWD, self, dir, made, AT_SYMLINK_FOLLOW) != 0)
        return errno;
    return put_in_place(dir, made, name);
}

static int fill(int from, int to, mode_t mode, const struct timespec times[2])
{
    int err = copy_bytes(from, to);

    if (err == 0 && fchmod(to, mode & 07777) != 0)
        err = errno;
    if (err == 0 && times != NULL && futimens(to, times) != 0)
        err = errno;
    return err;
}

static int copy_to_named(int from, mode_t mode, const struct timespec times[2], int dir,
                         const char *name)
{
    char made[TREE_NAME];
    int to, err;

    tree_make_name(made);
    to = openat(dir, made, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return errno;
    err = fill(from, to, mode, times);
    if (close(to) != 0 && err == 0)
        err = errno; /* file systems on a network may learn only now that they are full */
    if (err == 0)
        return put_in_place(dir, made, name);
    unlinkat(dir, made, 0);
    return err;
}

int tree_copy_file(int from, mode_t mode, const struct timespec times[2], int to_dir,
                   const char *to)
{
    int nameless = openat(to_dir, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600), err;

    if (nameless < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
        return errno;
    if (nameless < 0)
        return copy_to_named(from, mode, times, to_dir, to);
    err = fill(from, nameless, mode, times);
    if (err == 0)
        err = link_nameless(nameless, to_dir, to);
    close(nameless);
    if (err != ENOENT)
        return err;
    return lseek(from, 0, SEEK_SET) == 0 ? copy_to_named(from, mode, times, to_dir, to)
                                         : errno; /* no /proc here */
}

/* Copying a directory -------------------------------------------------------------------------- */

static int copy_regular(int from_dir, const char *name, int to_dir)
{
    int fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;
    struct stat st;

    if (fd < 0)
        return errno;
    if (fstat(fd, &st) != 0)
        err = errno;
    else if (S_ISREG(st.st_mode))
        err = tree_copy_file(fd, st.st_mode, (struct timespec[2]){st.st_atim, st.st_mtim}, to_dir,
                             name);
    close(fd);
    return err;
}

static int copy_link(int from_dir, const char *name, int to_dir)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

    if (len < 0)
        return errno;
    target[len] = '\0';
    return symlinkat(target, to_dir, name) == 0 ? 0 : errno;
}

static int copy_directory(struct walker *w, int from_dir, const char *from, const char *to,
                          bool deep);

/* Pipes, sockets and devices stay behind, and what vanishes meanwhile. */
static int copy_one(struct walker *w, int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(st.st_mode))
        return copy_directory(w, dir, name, name, true);
    if (S_ISLNK(st.st_mode))
        return copy_link(dir, name, w->to_dir);
    return S_ISREG(st.st_mode) ? copy_regular(dir, name, w->to_dir) : 0;
}

/* Below `made`, which is new and empty. */
static int copy_contents(struct walker *w, int from, int made, const struct stat *st, bool deep)
{
    int outer = w->to_dir, err = 0;

    w->to_dir = made;
    w->depth++;
    if (deep)
        err = for_each(w, from);
    w->depth--;
    w->to_dir = outer;
    if (err == 0 && fchmod(made, st->st_mode & 07777) != 0)
        err = errno;
    if (err == 0 && futimens(made, (struct timespec[2]){st->st_atim, st->st_mtim}) != 0)
        err = errno;
    return err;
}

/* To w->to_dir. */
static int copy_directory(struct walker *w, int from_dir, const char *from, const char *to,
                          bool deep)
{
    int fd, made, err;
    struct stat st;

    if (w->depth == DEPTH_MOST)
        return ELOOP;
    fd = open_dir(from_dir, from);
    if (fd < 0)
        return errno;
    if (fstat(fd, &st) != 0 || mkdirat(w->to_dir, to, 0700) != 0) {
        err = errno;
        close(fd);
        return err;
    }
    made = open_dir(w->to_dir, to);
    err = made < 0 ? errno : copy_contents(w, fd, made, &st, deep);
    if (made >= 0)
        close(made);
    close(fd);
    return err;
}

int tree_copy(int from_dir, const char *from, int to_dir, const char *to, bool deep)
{
    struct walker w = {.each = copy_one, .to_dir = to_dir};
    int err = copy_directory(&w, from_dir, from, to, deep);

    if (err != 0)
        tree_remove(to_dir, to);
    return err;
}
