/*
 * worker/http/file_cache.h - open files and the contents of small ones, per worker.
 *
 * On by default and never stale: an entry is compared with the file system by one stat in each loop
 * turn that uses it, so a file that was changed, replaced or removed is noticed at once. Contents
 * are kept only of files whose last change is old enough that a further one must change their
 * times. What was not used for ten to twenty seconds is let go.
 *
 * `open_file_cache` makes caches with limits of their own, and `open_file_cache_valid` lets an
 * entry stand for so long without a look.
 */
#pragma once

#include <sys/stat.h>

#include "common/str.h"
#include "worker/http/file_walk.h"

enum file_kind { FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER, FILE_MISSING };

/* One `open_file_cache`. Entries of different ones do not mix. */
struct file_cache_limits {
    uint32_t files_most;
    int64_t inactive_ms;       /* what was not used for so long is let go */
};

extern const struct file_cache_limits file_cache_default;

/* How a file is to be opened and kept. */
struct file_how {
    struct file_walk walk;
    const struct file_cache_limits *cache; /* NULL: nothing is kept */
    int64_t valid_ms;          /* an entry is not compared again for so long; 0: in this turn */
    int64_t min_uses;          /* before the descriptor is kept, or the contents */
    int64_t direct_bytes;      /* read past the page cache if as large as this; 0: never */
    bool no_wait;              /* contents are loaded only if the disk need not be asked */
    bool errors;               /* files that are missing, or closed to us, are kept too */
};

/* Counted; what it says stays true of this version of the file while it is held. */
struct cached_file {
    struct str path;
    int fd;                    /* -1 for directories, and where `content` is all */
    enum file_kind kind;       /* never FILE_MISSING for whom it is handed to */
    bool direct;               /* the descriptor is O_DIRECT */
    bool read_ahead;           /* the kernel was told that it is read in order */
    int64_t bytes;
    int64_t mtime_s;
    const char *content;       /* all of a small regular file, or NULL */
    char etag[40];             /* "\"hex-hex\"" */
    uint8_t etag_len;

    /* The cache's own. */
    struct file_cache *cache;  /* where it is listed; NULL: nowhere */
    uint32_t holders, checked_turn, hash, uses, min_uses;
    int64_t checked_ms, used_ms;
    bool used;                 /* since the last look for one to remove */
    int err;                   /* of FILE_MISSING */
    struct file_walk walk;
    int64_t direct_bytes;
    const void *root;          /* of file_cache_note_below; NULL: not known so */
    struct str rest;           /* the end of path */
    struct timespec mtime, ctime;
    dev_t dev;
    ino_t ino;
    struct cached_file *chain, *newer, *older;
};

/* The file at that path (NUL behind the text), held for the caller. NULL with errno set. */
struct cached_file *file_cache_open(const struct file_how *how, struct str path);
void file_cache_drop(struct cached_file *file);

/* What is at that path, without opening it: 0, or the errno of a stat. */
int file_cache_look(const struct file_how *how, struct str path, enum file_kind *kind);

/* As it is for those who have no settings: links are followed, the default cache. */
extern const struct file_how file_how_plain;

/* A shorter way to a file that is cached: by whatever stands for the first part of its path, and
   the rest. Held; NULL when it is not known so, or no longer true. Only for file_how_plain. */
struct cached_file *file_cache_find_below(const void *root, struct str rest);
/* Makes it known so; the last `rest_len` bytes of its path are the rest. */
void file_cache_note_below(struct cached_file *file, const void *root, size_t rest_len);

/* worker_start: how many files may be kept open, from RLIMIT_NOFILE. */
void file_cache_init(void);
