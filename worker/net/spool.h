/*
 * worker/net/spool.h - bytes that come faster than they go: memory first, then a temporary file.
 *
 * One writer appends, any number of readers follow, each a source with a position of its own. The
 * writer fills the spool's own blocks (spool_reserve, spool_commit: no copy) or adds bytes. When
 * memory is used up, what comes next goes to an unlinked file; when that is full too the writer is
 * told to pause, and posted when there is room again.
 *
 *     while ((into = spool_reserve(s, &room)) != NULL) {   // NULL: full, `writer` will be posted
 *         n = conn_recv(c, into, room);
 *         rc = spool_commit(s, MAX(n, 0));
 *         ...
 *     }
 *     spool_finish(s);
 *
 * Not `keep`: what every reader has passed is given back, so a response that flows needs no more
 * than its blocks. `keep`: all stays, and a reader may begin at any time at the first byte.
 */
#pragma once

#include "worker/net/source.h"

struct spool;
struct temp_path;
struct log;
struct pool;

struct spool_limits {
    size_t memory_bytes;          /* in blocks; at least one block is always allowed */
    size_t block_bytes;           /* 0: 16 KB, or memory_bytes if that is less */
    int64_t file_bytes;           /* 0: no file; exceeded by at most one block */
    const struct temp_path *temp; /* where; NULL: no file */
    int64_t length;               /* of the whole, if known; else -1 */
    bool keep;
    bool whole_file;              /* with keep: once there is a file, all is in it */
    bool file_only;               /* nothing stays in memory */
    bool file_named;              /* the file has a name: spool_file_name */
    bool file_left;               /* and keeps it when the spool ends */
    struct post *writer;          /* posted when a full spool has room again */
    struct thread_pool *write_threads; /* not with keep: these write the file, and meanwhile the
                                     spool is full; NULL: the writer does */
    struct thread_pool *read_threads;  /* these send its pieces to a plain connection (chain.h) */
};

/* The caller is its writer and holds it. `log` is used while the writer calls. */
struct spool *spool_create(const struct spool_limits *limits, const struct log *log);
void spool_hold(struct spool *s);
void spool_drop(struct spool *s);

/* The writer goes away but the spool stays: no more posts, no more logging. */
void spool_forget_writer(struct spool *s);

/* Where the next bytes may be put, *room at least 1; NULL when full. Nothing else may be called on
   the spool before spool_commit, which says how many were (0: the block is given back). RC_ERROR:
   the file cannot be written and they are lost; the spool has failed. A spool that does not keep
   survives that: it goes on with memory alone. */
char *spool_reserve(struct spool *s, size_t *room);
enum rc spool_commit(struct spool *s, size_t n);

/* Appends a copy, whatever the limits are. RC_AGAIN: done, and now it is full: pause. */
enum rc spool_add(struct spool *s, const char *data, size_t len);
/* The same with all of a chain of memory and file pieces; it becomes empty. */
enum rc spool_add_chain(struct spool *s, struct chain *from);

bool spool_full(const struct spool *s);

/* Nothing more will come: all is there, or the rest is lost (readers get PULL_ERROR for it). */
void spool_finish(struct spool *s);
void spool_fail(struct spool *s);

/* A reader from the first byte (that is still there, if the spool does not keep). It holds the
   spool until closed. */
struct source *spool_read(struct spool *s);

/* Bytes appended so far. */
int64_t spool_bytes(const struct spool *s);

/* All of it as one text (in the pool if it lies in several blocks); data NULL if in a file. */
struct str spool_text(const struct spool *s, struct pool *pool);

/* The file's descriptor, -1 without one; with whole_file and nothing in memory it holds all. */
int spool_file(const struct spool *s);
/* Its path, a C string; NULL without a named file. */
const char *spool_file_name(const struct spool *s);
/* The name becomes the caller's (free() it), who has to see to the file. */
char *spool_take_name(struct spool *s);
