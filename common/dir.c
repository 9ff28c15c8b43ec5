/*
 * common/dir.c - making directories.
 */
#include "common/dir.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static bool make_one(const char *path, mode_t mode)
{
    struct stat st;

    if (mkdir(path, mode) == 0)
        return true;
    if (errno != EEXIST)
        return false;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    errno = ENOTDIR;
    return false;
}

/* From the top down, so a race with another maker is won by both. */
static bool make_len(const char *path, size_t len, mode_t mode)
{
    char copy[PATH_MAX];

    if (len == 0 || len >= sizeof(copy)) {
        errno = len == 0 ? ENOENT : ENAMETOOLONG;
        return false;
    }
    memcpy(copy, path, len);
    copy[len] = '\0';
    if (mkdir(copy, mode) == 0) /* most often all above is there */
        return true;
    for (size_t i = 1; i < len; i++) {
        if (copy[i] != '/' || copy[i - 1] == '/')
            continue;
        copy[i] = '\0';
        if (!make_one(copy, mode))
            return false;
        copy[i] = '/';
    }
    return make_one(copy, mode);
}

bool dir_make(const char *path, mode_t mode)
{
    return make_len(path, strlen(path), mode);
}

bool dir_make_above(const char *path, mode_t mode)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL || slash == path || make_len(path, (size_t)(slash - path), mode);
}
