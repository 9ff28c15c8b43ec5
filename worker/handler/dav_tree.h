/*
 * worker/handler/dav_tree.h - files and whole directories copied and removed, in a thread.
 *
 * Everything goes by descriptors of directories: what somebody renames or links meanwhile leads
 * nowhere else. Links are never followed. Each function returns 0 or an errno.
 */
#pragma once

#include <sys/stat.h>

#include "common/str.h"

#define TREE_NAME 40 /* of a name of our own making, NUL included */

/* A name that nobody uses, for what is not ready to be seen. Hidden. */
void tree_make_name(char name[TREE_NAME]);

/*
 * A new file of `from`'s bytes, with that mode and those times. It appears under its name when it
 * is whole, in the place of a file that may be there, or not at all.
 */
int tree_copy_file(int from, mode_t mode, const struct timespec times[2], int to_dir,
                   const char *to);

/* A new directory that is a copy, of all below it if `deep`, under a name of our own making. On
   failure what was made of it is removed. Links are copied as links; pipes, sockets and devices
   stay behind. */
int tree_copy(int from_dir, const char *from, int to_dir, const char *to, bool deep);

/* A file, a link, or a directory with all below it. Stops at the first thing that will not go. */
int tree_remove(int dir, const char *name);
