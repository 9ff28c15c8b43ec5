/*
 * worker/handler/dav_job.h - what a WebDAV method does to the file system, in a thread.
 */
#pragma once

#include "worker/event/threads.h"
#include "worker/http/file_walk.h"

enum dav_op { DAV_PUT, DAV_DELETE, DAV_MKCOL, DAV_COPY, DAV_MOVE };

enum dav_depth { DAV_ZERO, DAV_ONE, DAV_INFINITE, DAV_DEPTH_UNKNOWN };

/* What the request's validators say of the file that is there (RFC 9110, 13.1): "" is not given. */
struct dav_conditions {
    struct str if_match, if_none_match;
    int64_t unmodified_since; /* seconds; -1: not given */
};

/* One file or directory: the path without a '/' at its end. */
struct dav_place {
    struct str path;          /* NUL behind */
    struct file_walk walk;
    bool collection;          /* the uri had a '/' at its end */
};

/* Owns nothing: all texts are in the memory that it lies in, or outlive it. */
struct dav_job {
    struct task task;
    enum dav_op op;
    struct dav_place at, to;  /* to: of COPY and MOVE */
    bool overwrite;
    enum dav_depth depth;
    bool make_parents;
    mode_t file_mode, dir_mode;
    int64_t mtime_s;          /* of what is put; -1: now */
    struct dav_conditions conditions;
    int body;                 /* PUT: a file of our own with the body, */
    char *body_name;          /* which has this name, on the heap, */
    bool body_gone;           /* unless it was moved away or removed */

    /* What came of it. */
    int status;               /* 201, 204, or why not */
    int err;                  /* for the log, with `what` and `where`; 0: nothing to say */
    const char *what;         /* "rename()": WHAT "WHERE" failed */
    const char *where;
};

/* Does it. */
void dav_job_run(struct dav_job *job);
