/*
 * master/file_watch.h - files of the configuration that are taken anew when they change
 * (common/watched.h).
 */
#pragma once

#include "common/base.h"

struct file_watch;
struct master;

/* For the loop: what to poll for reading; -1: nothing. */
int file_watch_fd(const struct master *m);

/* The sooner of `deadline_ms` and the time that something will be due. */
int64_t file_watch_deadline(const struct master *m, int64_t deadline_ms);

/* Once per turn: watches what the serving generation has, and takes what has changed. */
void file_watch_run(struct master *m);

/* When the master ends; and in a child, which has no business with them. */
void file_watch_end(struct master *m);
