/*
 * worker/http/file_access.h - files as a request's location lets them be opened, kept and sent.
 *
 * Every handler that opens what a request named does it here: what leads out of the root is not
 * there (file_inside.h), links are followed as `disable_symlinks` says, `open_file_cache` says what
 * is kept, and `sendfile`, `aio` and `directio` how the bytes are read.
 */
#pragma once

#include "worker/http/file_cache.h"
#include "worker/http/request.h"
#include "worker/net/source.h"

extern const struct module file_access_module;

/* Whether a location may use file_cache_find_below and file_cache_note_below: nothing here was
   set. */
bool file_access_is_plain(const struct request *r);

/* The file at that path, which begins with this request's root or alias; NUL behind the text. Held.
   NULL with errno. */
struct cached_file *file_access_open(struct request *r, struct str path);

/* What is there, or the errno of a stat. `named`: by the configuration or a variable, in full (the
   tests of `if`), not below the root. */
int file_access_look(struct request *r, struct str path, enum file_kind *kind);
int file_access_stat_named(struct request *r, struct str path, struct stat *st);

/* A directory to be read; -1 with errno. And which links are followed in it. */
int file_access_open_dir(struct request *r, struct str path, struct file_walk *walk);

/* A body that sends [offset, offset + len) of it; takes over the caller's hold. */
struct source *file_access_source(struct request *r, struct cached_file *file, int64_t offset,
                                  int64_t len);

/* Whether an errno says that there is nothing at a path, and that what is there is not for us. */
bool file_access_is_missing(int err);
bool file_access_is_forbidden(int err);

/* Where blocking work for this request is to be done: the pool of `aio threads`, or "default". */
struct thread_pool *file_access_threads(struct request *r);

/* The threads that write what is buffered for this request to a temporary file (aio_write), and
   those that send such a file; NULL: none. */
struct thread_pool *file_access_write_threads(struct request *r);
struct thread_pool *file_access_send_threads(struct request *r);

/* How paths of this request are to be walked, for one that begins with its root. */
struct file_walk file_access_walk(struct request *r, struct str path);
