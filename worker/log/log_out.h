/*
 * worker/log/log_out.h - where lines of access logs are gathered before they are written.
 *
 * All lines of one loop turn go to a file in one write at its end (or later, where the operator
 * asked for a buffer), whole lines only. A file that cannot be written costs the lines, nothing
 * else. Each worker has its own copy of these structs, from the fork on.
 */
#pragma once

#include "common/buf.h"
#include "common/log.h"
#include "worker/event/post.h"
#include "worker/event/timer.h"

struct log_out {
    struct log_file *file;      /* opened by the master; NULL: by us, at `path` */
    const char *path;
    int fd;                     /* ours; -1: not open */
    struct buf lines;
    size_t line_at;             /* where the line being printed begins, from lines.start */
    int64_t buffer_bytes;       /* 0: write at the end of each turn */
    int64_t flush_ms;           /* with a buffer: write after so long; 0: only when it is full */
    int64_t gzip_level;         /* with a buffer: each write is a gzip member; 0: as it is */
    struct post turn_end;
    struct timer timer;
    int64_t skip_until_ms;      /* the disk was full */
    int64_t complained_ms;
    bool torn;                  /* the last write ended within a line */
    bool listed;                /* among those that have lines */
    struct log_out *next;
    void (*open)(struct log_out *out);  /* called before a write where `file` is NULL */
};

/* A line is to be appended to out->lines, without its newline; then it is ended. */
struct buf *log_out_begin(struct log_out *out);
void log_out_end(struct log_out *out);

/* Writes what is there. */
void log_out_flush(struct log_out *out);
void log_out_flush_all(void);

/* The same for all that goes to this file, which is about to be replaced. */
void log_out_flush_file(const struct log_file *file);
