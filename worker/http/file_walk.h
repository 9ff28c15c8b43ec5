/*
 * worker/http/file_walk.h - opening a path where symbolic links may not be followed, or not all.
 *
 * What is opened is what was looked at: no link that is put in place between the two is followed.
 */
#pragma once

#include <sys/stat.h>

#include "common/str.h"

enum links {
    LINKS_FOLLOW,
    LINKS_OWNER,  /* those that belong to the owner of what they lead to */
    LINKS_NEVER,
};

struct file_walk {
    enum links links;
    uint32_t trusted; /* in this first part of a path every link is followed; the byte behind it is
                         a '/'. 0: nothing is trusted */
};

/* open(2) of a path (absolute, NUL behind the text; not O_CREAT). -1 with errno: ELOOP for a link
   that may not be followed; with LINKS_NEVER, ENOTDIR for one that is not the last name, as it is
   no directory then. O_PATH is fine. */
int file_walk_open(const struct file_walk *walk, struct str path, int flags);

/* The same of one name in an open directory. `name` has no '/'. */
int file_walk_open_at(const struct file_walk *walk, int dir, const char *name, int flags);

/* stat(2): 0, or -1 with errno. */
int file_walk_stat(const struct file_walk *walk, struct str path, struct stat *st);

/* The directory that holds the last name of the path (O_PATH), and that name: what is behind the
   last '/', one at the very end not counted. -1 with errno. */
int file_walk_parent(const struct file_walk *walk, struct str path, struct str *name);
