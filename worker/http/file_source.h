/*
 * worker/http/file_source.h - a body that is a part of a file, sent or read, here or in a thread.
 */
#pragma once

#include "worker/http/file_cache.h"
#include "worker/net/source.h"

struct thread_pool;

struct file_sending {
    bool sendfile;               /* file pieces may be given to whom takes them */
    struct thread_pool *threads; /* NULL: whoever reads may block */
    size_t buffer_bytes;         /* of what is read at once */
    size_t alignment;            /* of direct reads */
};

/*
 * [offset, offset + len) of the file; takes over the caller's hold. With threads nothing that this
 * source does waits for a disk: what is not in memory already is read by one of them, and a file
 * piece says that it has to be sent by one. A file that has become shorter is an error
 * (PULL_ERROR), never a shorter body.
 */
struct source *file_source(struct pool *pool, struct cached_file *file, int64_t offset,
                           int64_t len, const struct file_sending *sending);
