/*
 * worker/handler/mp4_job.h - a file's index read and made anew, in a thread.
 */
#pragma once

#include "worker/codec/mp4.h"
#include "worker/event/threads.h"
#include "worker/http/file_cache.h"

enum mp4_outcome {
    MP4_PART,       /* `head`, then the bytes [first, end) of the file */
    MP4_WHOLE,      /* the file as it is */
    MP4_FAILED,     /* `why`, with `err` if that is not 0 */
};

struct mp4_job {
    struct task task;
    struct request *request;    /* NULL: gone meanwhile */
    struct cached_file *file;   /* held; only the loop lets it go */
    struct mp4_part part;
    uint64_t index_most;        /* bytes of an index that are taken */

    enum mp4_outcome outcome;
    const char *why;
    int err;
    char *head;                 /* from malloc */
    size_t head_len;
    uint64_t first, end;
};

/* Fills in what is behind `index_most`. May block on the file; touches nothing else. */
void mp4_job_work(struct mp4_job *job);
