/*
 * worker/net/send_job.h - a file piece on its way through a thread, as reading it may block.
 */
#pragma once

#include "worker/net/conn.h"

/* What became of a piece: as io.c sees each call. */
struct sent {
    ssize_t bytes; /* or -1 with errno; EINPROGRESS: the connection's post will be posted */
    bool full;     /* the socket takes no more now */
};

/* Sends up to max bytes of a file piece by its threads: begins to, says that it is still at it, or
   tells the result. `job` is the connection's. */
struct send_job;
struct sent send_job_run(struct send_job **job, struct conn *c, const struct piece *p, size_t max);

/* The connection is closed before its fd is: nobody waits for the job any more. NULL is fine. */
void send_job_leave(struct send_job *job);
