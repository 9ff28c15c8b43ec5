/*
 * worker/handler/dir_list.c - what is in a directory, sorted for showing.
 */
#include "worker/handler/dir_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "worker/http/request.h"

/* What a link points to, or the link itself where that is nothing. */
static int describe(struct dir_entry *entry, int dir_fd, const char *name)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, 0) != 0 &&
        ((errno != ENOENT && errno != ELOOP) ||
         fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0))
        return errno;
    entry->kind = S_ISDIR(st.st_mode) ? DIR_DIRECTORY : S_ISREG(st.st_mode) ? DIR_FILE : DIR_OTHER;
    entry->bytes = st.st_size;
    entry->mtime_s = st.st_mtim.tv_sec;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct dir_entry *a = left, *b = right;

    if ((a->kind == DIR_DIRECTORY) != (b->kind == DIR_DIRECTORY))
        return a->kind == DIR_DIRECTORY ? -1 : 1;
    return str_cmp(a->name, b->name);
}

/* One that vanished meanwhile, or may not be looked at, is left out. */
static int add(struct request *r, struct array *entries, int dir_fd, const char *name)
{
    struct dir_entry entry;
    int err = describe(&entry, dir_fd, name);

    if (err == 0) {
        entry.name = pool_str(request_pool(r), str_of(name));
        *(struct dir_entry *)array_push(entries) = entry;
    } else if (err != ENOENT) {
        log_error(&r->log, LOG_CRIT, err, "stat() \"%s\" failed", name);
    }
    return err == ENOENT || err == EACCES ? 0 : err;
}

int dir_list_read(struct request *r, struct str path, struct array *entries, bool *opened)
{
    DIR *dir = opendir(path.data);
    struct dirent *next;
    int err = 0;

    *opened = dir != NULL;
    if (dir == NULL)
        return errno;
    for (errno = 0; err == 0 && (next = readdir(dir)) != NULL; errno = 0)
        if (next->d_name[0] != '.')
            err = add(r, entries, dirfd(dir), next->d_name);
    if (err == 0)
        err = errno;
    closedir(dir);
    if (err == 0 && entries->count > 1)
        qsort(entries->items, entries->count, entries->item_bytes, compare);
    return err;
}
