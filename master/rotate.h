/*
 * master/rotate.h - logs that are rotated by the master: for their size, when a child asks, or for
 * their age.
 */
#pragma once

#include "common/base.h"

struct child_proc;
struct master;

/* Notes what a child asked: the file of this index in its generation's list. */
void rotate_note(const struct child_proc *c, int64_t index);

/* Rotates what is due, and has every process open the new file. */
void rotate_logs(struct master *m);

/* The sooner of `deadline_ms` and the time that something will be due. */
int64_t rotate_deadline(const struct master *m, int64_t deadline_ms);
