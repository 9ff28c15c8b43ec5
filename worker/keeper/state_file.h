/*
 * worker/keeper/state_file.h - the files of `state`: a group's servers as they are now, for the
 * next start.
 *
 * Such a file is written beside its place and renamed, so it is whole at any time. One that could
 * not be written (a full disk) is tried again and again.
 */
#pragma once

#include "worker/upstream/group.h"

struct generation;

/* Brings the files up to date that were left behind. */
void state_file_start(const struct generation *gen);
void state_file_stop(void);

/* The group's servers have changed; nothing for one without a state file. 0, or an errno: that is
   logged, and the file is written later. */
int state_file_write(const struct upstream_group *group);
