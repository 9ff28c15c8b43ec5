/*
 * master/reopen.h - new files behind old descriptors: SIGUSR1, and rotation.
 */
#pragma once

#include "common/base.h"

struct master;

/* Opens every log file of every living generation anew and hands it to the children. A file that
   cannot be opened stays as it was. */
void reopen_logs(struct master *m);

/* The same for the file of one path, which is left with the owner that it has. False when it could
   not be opened. */
bool reopen_path(struct master *m, const char *path);
