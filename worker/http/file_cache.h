/*
 * worker/http/file_cache.h - open files and the contents of small ones, per worker.
 *
 * On by default and never stale: an entry is compared with the file system by one stat in each loop
 * turn that uses it, so a file that was changed, replaced or removed is noticed at once. Contents
 * are kept only of files whose last change is old enough that a further one must change their
 * times. What was not used for ten to twenty seconds is let go.
 */
#pragma once

#include <sys/stat.h>

#include "common/str.h"
#include "worker/net/source.h"

struct request;
struct pool;

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER };

/* Counted; what it says stays true of this version of the file while it is held. */
struct cached_file {
    struct str path;
    int fd;                  /* -1 for directories, and where `content` is all */
    enum file_kind kind;
    int64_t bytes;
    int64_t mtime_s;
    const char *content;     /* all of a small regular file, or NULL */
    char etag[40];           /* "\"hex-hex\"" */
    uint8_t etag_len;

    /* The cache's own. */
    uint32_t holders, checked_turn, hash;
    bool listed, used;
    const void *root;        /* of file_cache_note_below; NULL: not known so */
    struct str rest;         /* the end of path */
    struct timespec mtime, ctime;
    dev_t dev;
    ino_t ino;
    struct cached_file *chain, *newer, *older;
};

/* The file at that path (NUL behind the text), held for the caller. NULL with errno set. */
struct cached_file *file_cache_open(struct str path);
void file_cache_drop(struct cached_file *file);

/* A shorter way to a file that is cached: by whatever stands for the first part of its path, and
   the rest. Held; NULL when it is not known so, or no longer true. */
struct cached_file *file_cache_find_below(const void *root, struct str rest);
/* Makes it known so; the last `rest_len` bytes of its path are the rest. */
void file_cache_note_below(struct cached_file *file, const void *root, size_t rest_len);

/* A body that sends [offset, offset + len) of it; takes over the caller's hold. `direct` as in
   sendfile on: file pieces may be given; else the bytes are read into memory. */
struct source *file_cache_source(struct pool *pool, struct cached_file *file, int64_t offset,
                                 int64_t len, bool direct);

/* worker_start: how many files may be kept open, from RLIMIT_NOFILE. */
void file_cache_init(void);
