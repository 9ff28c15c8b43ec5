/*
 * common/watched.h - files whose contents a configuration has read, and takes anew when they
 * change.
 *
 * Files that belong together (a certificate and its key) are a set: it is judged and taken as a
 * whole. The master watches (master/file_watch.c) and takes first, so that children born later have
 * it; then it hands the bytes to those that live, which take them in the same way.
 */
#pragma once

#include <sys/stat.h>

#include "common/generation.h"
#include "common/str.h"

#define WATCHED_FILE_MOST (1 << 20) /* bytes; a file that is larger is not taken */

/* Tells one state of a file from another. */
struct file_stamp {
    struct timespec changed, modified;
    dev_t dev;
    ino_t ino;
    off_t bytes;
};

struct watched_file {
    struct str path;             /* absolute; empty: there is no file, its contents never change */
    struct file_stamp stamp;     /* of what was read last */
};

enum watched_result {
    WATCHED_SAME,                /* nothing new in them */
    WATCHED_TAKEN,
    WATCHED_BAD,                 /* what was there before stays */
};

struct watched_set;

/* `contents` are as many as files, data NULL where there is no file; they go after the call. With
   `say` the outcome is logged. */
typedef enum watched_result watched_take_fn(struct generation *gen, struct watched_set *set,
                                            const struct str *contents, bool say);

/* Called by the master when the generation begins to serve, and each day: a time to warn. */
typedef void watched_look_fn(const struct watched_set *set);

struct watched_set {
    struct watched_file *files;
    uint32_t count, index;
    watched_take_fn *take;
    watched_look_fn *look;       /* may be NULL */
    void *about;
    struct watched_set *next;
    bool doubtful;               /* the master's: what there is is no good, but may be unfinished */
};

/* Config time. `files` belongs to the set from then on. */
struct watched_set *watched_add(struct generation *gen, struct watched_file *files, uint32_t count);

struct watched_set *watched_find(const struct generation *gen, uint32_t index);

/* How the file is now. False: it is not there. */
bool watched_stamp(struct str path, struct file_stamp *stamp);
struct file_stamp watched_stamp_of(const struct stat *st);
bool watched_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

/* All contents of a set as one sealed descriptor, the caller's; -1 with errno. */
int watched_pack(const struct str *contents, uint32_t count);

/* In a child: takes what the master packed. The descriptor is closed. */
void watched_receive(struct generation *gen, int64_t index, int fd);
