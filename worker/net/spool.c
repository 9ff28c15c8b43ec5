/*
 * worker/net/spool.c - segments in order, the one being filled, and those who read them.
 *
 * The bytes are a list of segments: blocks of memory and ranges of the file, in any order. Blocks
 * that readers have been given pieces of never move; only what arrives when memory is used up goes
 * to the file, by way of one more block. The file is not overwritten in place, for sendfile's pages
 * may still be on their way to a peer: when nothing of it is needed it is truncated and begun anew.
 */
#include "worker/net/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/pool.h"
#include "worker/event/post.h"
#include "worker/event/threads.h"
#include "worker/net/conn.h"
#include "worker/net/temp_file.h"

#define BLOCK_BYTES 16384
#define READ_BYTES  16384 /* of file, for a reader that takes no file pieces */
#define WORTHWHILE  1024  /* no system call for less room than this, if there is memory */
#define NAME_BYTES  4096

struct segment {
    struct segment *next;
    int64_t start;      /* in the spool */
    size_t len;
    struct buf memory;  /* this struct lies at its start; pos: the first byte of data */
    int64_t offset;     /* in the file; -1: memory */
    bool to_file;       /* in memory only until it is written, */
    bool writing;       /* which is under way: a thread reads it */
    bool passed;        /* nobody needs it, and it goes when it is written */
};

enum spool_state { SPOOL_OPEN, SPOOL_COMPLETE, SPOOL_FAILED };

struct spool {
    uint32_t holds;
    enum spool_state state;
    struct spool_limits limits;
    const struct log *log;
    struct segment *first, *last;
    struct segment *filling;     /* reserved and not yet linked in, or NULL */
    int64_t bytes;               /* appended so far */
    size_t memory_used;
    int fd;
    int64_t file_end;
    char *file_name;
    bool told_full;              /* the writer waits for its post */
    struct write_job *write;     /* in a thread; NULL: none */
    struct reader *readers;
};

struct reader {
    struct source source;
    struct spool *spool;
    struct reader *next;
    int64_t pos;                 /* before it: written by the reader, not needed any more */
    int64_t given;               /* the end of what the last pull gave */
    bool waiting;
    struct buf buf;              /* file bytes for a reader that takes no file pieces */
};

/* Segments ------------------------------------------------------------------------------------- */

static struct segment *segment_create(size_t room)
{
    struct buf memory;
    struct segment *g;

    buf_take(&memory, sizeof(*g) + room);
    g = (struct segment *)(void *)memory.start;
    *g = (struct segment){.memory = memory, .offset = -1};
    g->memory.pos = g->memory.last = memory.start + sizeof(*g);
    return g;
}

static size_t segment_footprint(const struct spool *s, const struct segment *g)
{
    return g->offset >= 0 ? 0 : s->limits.block_bytes;
}

/* Left of the block: not of the buffer, which may have been rounded up. */
static size_t segment_room(const struct spool *s, const struct segment *g)
{
    return s->limits.block_bytes - (size_t)(g->memory.last - g->memory.pos);
}

static void segment_destroy(struct segment *g)
{
    struct buf memory = g->memory;

    buf_give(&memory);
}

static void append(struct spool *s, struct segment *g)
{
    g->start = s->bytes;
    if (s->last != NULL)
        s->last->next = g;
    else
        s->first = g;
    s->last = g;
    s->memory_used += segment_footprint(s, g);
}

/* n bytes were put behind what the block held. */
static void extend(struct spool *s, struct segment *g, size_t n)
{
    g->memory.last += n;
    g->len += n;
    s->bytes += (int64_t)n;
}

static void append_file_range(struct spool *s, int64_t offset, size_t len)
{
    struct segment *g = s->last;

    if (g == NULL || g->offset < 0 || g->offset + (int64_t)g->len != offset) {
        g = segment_create(0);
        g->offset = offset;
        append(s, g);
    }
    g->len += len;
    s->bytes += (int64_t)len;
}

static struct segment *take_first(struct spool *s)
{
    struct segment *g = s->first;

    s->first = g->next;
    if (s->first == NULL)
        s->last = NULL;
    s->memory_used -= segment_footprint(s, g);
    return g;
}

/* The life of a spool -------------------------------------------------------------------------- */

static size_t default_block(const struct spool_limits *limits)
{
    size_t bytes = MIN(BLOCK_BYTES, MAX(limits->memory_bytes, 512));

    if (limits->length >= 0)
        bytes = MIN(bytes, (size_t)MAX(limits->length, 1));
    return bytes;
}

struct spool *spool_create(const struct spool_limits *limits, const struct log *log)
{
    struct spool *s = conn_alloc(sizeof(*s));

    s->holds = 1;
    s->limits = *limits;
    s->log = log;
    s->fd = -1;
    if (s->limits.block_bytes == 0)
        s->limits.block_bytes = default_block(limits);
    if (s->limits.temp == NULL)
        s->limits.file_bytes = 0;
    return s;
}

void spool_hold(struct spool *s)
{
    s->holds++;
}

static void close_file(struct spool *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    if (s->file_name == NULL)
        return;
    if (!s->limits.file_left && unlink(s->file_name) != 0)
        log_error(&process_log, LOG_CRIT, errno, "unlink() \"%s\" failed", s->file_name);
    free(s->file_name);
    s->file_name = NULL;
}

void spool_drop(struct spool *s)
{
    must(s->holds > 0);
    if (--s->holds > 0)
        return;
    while (s->first != NULL)
        segment_destroy(take_first(s)); /* none is being written: that holds the spool */
    if (s->filling != NULL)
        segment_destroy(s->filling);
    close_file(s);
    conn_collect(s, sizeof(*s));
}

void spool_forget_writer(struct spool *s)
{
    s->limits.writer = NULL;
    s->log = &process_log;
}

/* The file ------------------------------------------------------------------------------------- */

static enum rc open_file(struct spool *s)
{
    char name[NAME_BYTES];

    if (s->fd >= 0)
        return RC_OK;
    if (!s->limits.file_named) {
        s->fd = temp_file_open(s->limits.temp, s->log);
        return s->fd >= 0 ? RC_OK : RC_ERROR;
    }
    s->fd = temp_file_open_named(s->limits.temp, s->log, name, sizeof(name));
    if (s->fd < 0)
        return RC_ERROR;
    s->file_name = pool_malloc(strlen(name) + 1);
    strcpy(s->file_name, name);
    return RC_OK;
}

/* Appends to the file; the segment list is the caller's. */
static enum rc write_file(struct spool *s, const char *data, size_t len)
{
    if (open_file(s) != RC_OK || temp_file_write(s->fd, data, len, s->file_end, s->log) != RC_OK)
        return RC_ERROR;
    s->file_end += (int64_t)len;
    return RC_OK;
}

static bool has_file_room(const struct spool *s)
{
    return s->file_end < s->limits.file_bytes;
}

/* No file any more: a response goes on in memory, a body that must be kept is lost. */
static enum rc file_failed(struct spool *s)
{
    s->limits.file_bytes = 0;
    if (!s->limits.keep)
        return RC_OK;
    spool_fail(s);
    return RC_ERROR;
}

/* Moves what is in memory to the file, so that it holds all. */
static enum rc move_to_file(struct spool *s)
{
    struct segment *g = s->first;

    for (; g != NULL; g = g->next)
        if (write_file(s, g->memory.pos, g->len) != RC_OK)
            return file_failed(s);
    while (s->first != NULL)
        segment_destroy(take_first(s));
    s->bytes = 0;
    append_file_range(s, 0, (size_t)s->file_end);
    return RC_OK;
}

static bool should_move_all(const struct spool *s)
{
    return s->limits.whole_file && s->fd < 0 && s->first != NULL && s->readers == NULL;
}

/* What was put into `filling` goes to the file. */
static enum rc spill(struct spool *s, const char *data, size_t len)
{
    if (should_move_all(s) && move_to_file(s) != RC_OK)
        return RC_ERROR;
    if (write_file(s, data, len) != RC_OK)
        return RC_AGAIN; /* still in the caller's hands */
    append_file_range(s, s->file_end - (int64_t)len, len);
    return RC_OK;
}

/* Writing in a thread -------------------------------------------------------------------------- */

#define WRITE_MOST 8 /* blocks in one job */

/* Blocks that readers may read meanwhile. Afterwards they are a range of the file. */
struct write_job {
    struct task task;
    struct spool *spool;         /* held */
    struct segment *blocks[WRITE_MOST];
    int count;
    int64_t offset;
    int err;
};

/* In a thread. */
static void work(struct task *task)
{
    struct write_job *job = CONTAINER(task, struct write_job, task);
    int64_t offset = job->offset;

    for (int i = 0; i < job->count && job->err == 0; i++) {
        const struct segment *g = job->blocks[i];
        size_t done = 0;

        while (done < g->len && job->err == 0) {
            ssize_t n = pwrite(job->spool->fd, g->memory.pos + done, g->len - done, offset);

            if (n > 0) {
                done += (size_t)n;
                offset += n;
            } else if (n == 0 || errno != EINTR) {
                job->err = n == 0 ? ENOSPC : errno;
            }
        }
    }
}

/* A reader was given its memory and may not have written all of it. */
static bool is_in_use(const struct spool *s, const struct segment *g)
{
    for (const struct reader *r = s->readers; r != NULL; r = r->next)
        if (r->pos < g->start + (int64_t)g->len && r->given > g->start)
            return true;
    return false;
}

static struct segment **link_to(struct spool *s, const struct segment *g)
{
    struct segment **at = &s->first;

    while (*at != g)
        at = &(*at)->next;
    return at;
}

/* The memory of a block that is in the file goes; the range takes its place. */
static void become_range(struct spool *s, struct segment *g, int64_t offset)
{
    struct segment *range = segment_create(0);

    s->memory_used -= segment_footprint(s, g);
    range->start = g->start;
    range->len = g->len;
    range->offset = offset;
    range->next = g->next;
    *link_to(s, g) = range;
    if (s->last == g)
        s->last = range;
    segment_destroy(g);
}

static void tell_writer(struct spool *s)
{
    if (!s->told_full || spool_full(s))
        return;
    s->told_full = false;
    if (s->limits.writer != NULL)
        post_now(s->limits.writer);
}

static void start_writing(struct spool *s);

static void written(struct task *task)
{
    struct write_job *job = CONTAINER(task, struct write_job, task);
    struct spool *s = job->spool;
    int64_t offset = job->offset;

    s->write = NULL;
    if (job->err != 0) {
        log_error(s->log, LOG_CRIT, job->err, "pwrite() to a temporary file failed");
        file_failed(s);
    }
    for (int i = 0; i < job->count; i++) {
        struct segment *g = job->blocks[i];
        size_t len = g->len;

        g->writing = false;
        if (g->passed)
            segment_destroy(g);
        else if (job->err == 0 && !is_in_use(s, g))
            become_range(s, g, offset);
        offset += (int64_t)len;
    }
    conn_collect(job, sizeof(*job));
    if (s->holds > 1) /* else there is nobody left to read it */
        start_writing(s);
    tell_writer(s);
    spool_drop(s);
}

/* Writes what waits for it, if nothing is under way. */
static void start_writing(struct spool *s)
{
    struct write_job *job;

    if (s->write != NULL)
        return;
    job = conn_alloc(sizeof(*job));
    *job = (struct write_job){.task = {.work = work, .done = written}, .spool = s,
                              .offset = s->file_end};
    for (struct segment *g = s->first; g != NULL && job->count < WRITE_MOST; g = g->next) {
        if (!g->to_file)
            continue;
        g->to_file = false;
        g->writing = true;
        job->blocks[job->count++] = g;
        s->file_end += (int64_t)g->len;
    }
    if (job->count == 0) {
        conn_collect(job, sizeof(*job));
        return;
    }
    spool_hold(s);
    s->write = job;
    if (threads_submit(s->limits.write_threads, &job->task) == RC_OK)
        return;
    work(&job->task); /* better late than never */
    written(&job->task);
}

/* The last block goes to the file, as soon as a thread has written it. */
static void write_later(struct spool *s)
{
    must(!s->limits.keep);
    if (open_file(s) != RC_OK) {
        file_failed(s);
        return;
    }
    s->last->to_file = true;
    start_writing(s);
}

/* Nobody needs it any more; but a thread may. */
static void let_go(struct segment *g)
{
    if (g->writing)
        g->passed = true;
    else
        segment_destroy(g);
}

/* The writer's side ---------------------------------------------------------------------------- */

static bool has_memory_room(const struct spool *s)
{
    bool all_in_file = s->limits.file_only || (s->limits.whole_file && s->fd >= 0);

    if (all_in_file && has_file_room(s))
        return false;
    return s->memory_used == 0 || s->memory_used + s->limits.block_bytes <= s->limits.memory_bytes;
}

/* The last block, if it has room and more may go to memory. */
static struct segment *open_block(const struct spool *s)
{
    struct segment *g = s->last;

    return g != NULL && g->offset < 0 && !g->writing && segment_room(s, g) > 0 ? g : NULL;
}

static bool goes_to_file(const struct spool *s)
{
    return open_block(s) == NULL && !has_memory_room(s) && has_file_room(s);
}

bool spool_full(const struct spool *s)
{
    if (s->write != NULL)
        return true;
    if (s->memory_used > MAX(s->limits.memory_bytes, s->limits.block_bytes) && !has_file_room(s))
        return true; /* bytes were added that nobody could refuse */
    return open_block(s) == NULL && !has_memory_room(s) && !has_file_room(s);
}

static void wake_readers(struct spool *s)
{
    for (struct reader *r = s->readers; r != NULL; r = r->next) {
        if (!r->waiting)
            continue;
        r->waiting = false;
        source_wake(&r->source);
    }
}

char *spool_reserve(struct spool *s, size_t *room)
{
    struct segment *g = open_block(s);

    must(s->state == SPOOL_OPEN);
    if (g != NULL && !s->limits.keep && segment_room(s, g) < WORTHWHILE && has_memory_room(s))
        g = NULL;
    if (spool_full(s)) {
        s->told_full = true;
        return NULL;
    }
    if (g == NULL && s->filling == NULL)
        s->filling = segment_create(s->limits.block_bytes);
    if (g == NULL)
        g = s->filling;
    *room = segment_room(s, g);
    return g->memory.last;
}

static void link_filling(struct spool *s, size_t n)
{
    struct segment *g = s->filling;

    s->filling = NULL;
    append(s, g);
    extend(s, g, n);
}

static void give_filling(struct spool *s)
{
    segment_destroy(s->filling);
    s->filling = NULL;
}

static enum rc commit_filling(struct spool *s, size_t n)
{
    enum rc rc;

    if (!goes_to_file(s) || s->limits.write_threads != NULL) {
        bool to_file = goes_to_file(s);

        link_filling(s, n);
        if (to_file)
            write_later(s);
        return RC_OK;
    }
    rc = spill(s, s->filling->memory.pos, n);
    if (rc == RC_AGAIN)
        rc = file_failed(s);
    else if (rc == RC_OK) {
        give_filling(s);
        return RC_OK;
    }
    if (rc == RC_OK)
        link_filling(s, n);
    return rc;
}

enum rc spool_commit(struct spool *s, size_t n)
{
    enum rc rc = RC_OK;

    if (s->filling == NULL) {
        struct segment *g = s->last;

        must(n == 0 || n <= segment_room(s, g));
        if (n > 0)
            extend(s, g, n);
    } else if (n == 0) {
        give_filling(s);
    } else {
        must(n <= segment_room(s, s->filling));
        rc = commit_filling(s, n);
    }
    if (n > 0)
        wake_readers(s);
    return rc;
}

/* Copies into memory, over the limit if there is no other way. */
static size_t add_to_memory(struct spool *s, const char *data, size_t len)
{
    struct segment *g = open_block(s);

    if (g == NULL) {
        g = segment_create(s->limits.block_bytes);
        append(s, g);
    }
    len = MIN(len, segment_room(s, g));
    memcpy(g->memory.last, data, len);
    extend(s, g, len);
    return len;
}

static enum rc add_some(struct spool *s, const char *data, size_t *len)
{
    bool to_file = goes_to_file(s);

    if (to_file && s->limits.write_threads == NULL) {
        enum rc rc = spill(s, data, *len);

        if (rc != RC_AGAIN)
            return rc;
        if (file_failed(s) != RC_OK)
            return RC_ERROR;
    }
    *len = add_to_memory(s, data, *len);
    if (to_file && s->limits.write_threads != NULL)
        write_later(s);
    return RC_OK;
}

enum rc spool_add(struct spool *s, const char *data, size_t len)
{
    must(s->state == SPOOL_OPEN);
    while (len > 0) {
        size_t n = len;

        if (add_some(s, data, &n) != RC_OK)
            return RC_ERROR;
        data += n;
        len -= n;
    }
    wake_readers(s);
    s->told_full = spool_full(s);
    return s->told_full ? RC_AGAIN : RC_OK;
}

static enum rc add_file(struct spool *s, int fd, int64_t offset, size_t len)
{
    struct buf b;
    enum rc rc = RC_OK;

    buf_take(&b, READ_BYTES);
    while (len > 0 && rc != RC_ERROR) {
        ssize_t n = pread(fd, b.start, MIN(len, READ_BYTES), offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log_error(s->log, LOG_CRIT, n < 0 ? errno : 0, "pread() of a body's file failed");
            rc = RC_ERROR;
            break;
        }
        rc = spool_add(s, b.start, (size_t)n);
        offset += n;
        len -= (size_t)n;
    }
    buf_give(&b);
    return rc;
}

enum rc spool_add_chain(struct spool *s, struct chain *from)
{
    enum rc rc = RC_OK;

    while (!chain_empty(from) && rc != RC_ERROR) {
        struct piece p = *chain_head(from);

        must(p.kind != PIECE_PIPE);
        rc = p.kind == PIECE_FILE ? add_file(s, p.fd, p.offset, p.len)
                                  : spool_add(s, p.data, p.len);
        chain_consume(from, p.len);
    }
    return rc;
}

void spool_finish(struct spool *s)
{
    if (s->state != SPOOL_OPEN)
        return;
    s->state = SPOOL_COMPLETE;
    for (struct reader *r = s->readers; r != NULL; r = r->next)
        r->source.length = s->bytes - r->given;
    wake_readers(s);
}

void spool_fail(struct spool *s)
{
    if (s->state != SPOOL_OPEN)
        return;
    s->state = SPOOL_FAILED;
    wake_readers(s);
}

/* The readers' side ---------------------------------------------------------------------------- */

/* Before this nobody needs anything. */
static int64_t oldest_needed(const struct spool *s)
{
    int64_t oldest = s->bytes;

    for (const struct reader *r = s->readers; r != NULL; r = r->next)
        oldest = MIN(oldest, r->pos);
    return oldest;
}

static bool uses_file(const struct spool *s)
{
    for (const struct segment *g = s->first; g != NULL; g = g->next)
        if (g->offset >= 0)
            return true;
    return false;
}

/* Truncation takes the pages away from the file and leaves those in flight alone. */
static void reuse_file(struct spool *s)
{
    if (s->file_end == 0 || s->write != NULL || uses_file(s))
        return;
    if (ftruncate(s->fd, 0) == 0)
        s->file_end = 0;
    else
        log_error(&process_log, LOG_ALERT, errno, "ftruncate() of a temporary file failed");
}

static void release(struct spool *s)
{
    int64_t oldest;

    if (s->limits.keep)
        return;
    oldest = oldest_needed(s);
    while (s->first != NULL && s->first->start + (int64_t)s->first->len <= oldest)
        let_go(take_first(s));
    reuse_file(s);
    tell_writer(s);
}

/* File bytes for a reader that wants memory; 0 when they cannot be read. */
static size_t give_read(struct reader *r, struct chain *out, int64_t offset, size_t len)
{
    ssize_t n;

    if (r->buf.start == NULL)
        buf_take(&r->buf, READ_BYTES);
    do
        n = pread(r->spool->fd, r->buf.start, MIN(len, READ_BYTES), offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        log_error(&process_log, LOG_CRIT, n < 0 ? errno : 0, "pread() of a temporary file failed");
        return 0;
    }
    chain_add(out, r->buf.start, (size_t)n);
    return (size_t)n;
}

/* Gives from one segment. *stop: nothing more this time. */
static size_t give_from(struct reader *r, const struct segment *g, struct chain *out, size_t max,
                        bool *stop)
{
    size_t skip = (size_t)(r->given - g->start);
    size_t len = MIN(g->len - skip, max);

    if (g->offset < 0) {
        chain_add(out, g->memory.pos + skip, len);
        return len;
    }
    if (r->source.file_ok) {
        chain_add_file_by(out, r->spool->fd, g->offset + (int64_t)skip, len,
                          r->spool->limits.read_threads);
        return len;
    }
    *stop = true; /* the buffer is used until the next pull */
    return give_read(r, out, g->offset + (int64_t)skip, len);
}

/* False when nothing could be given although there is something. */
static bool give(struct reader *r, struct chain *out, size_t max)
{
    const struct segment *g = r->spool->first;
    bool stop = false;
    int64_t before = r->given;

    for (; g != NULL && max > 0 && !stop; g = g->next) {
        size_t n;

        if (g->start + (int64_t)g->len <= r->given)
            continue;
        n = give_from(r, g, out, max, &stop);
        r->given += (int64_t)n;
        max -= n;
    }
    return r->given > before || r->given == r->spool->bytes || max == 0;
}

static enum pull at_end(struct reader *r)
{
    switch (r->spool->state) {
    case SPOOL_COMPLETE:
        return PULL_END;
    case SPOOL_FAILED:
        return PULL_ERROR;
    case SPOOL_OPEN:
        break;
    }
    r->waiting = true;
    return PULL_WAIT;
}

static void count_length(struct reader *r)
{
    int64_t whole = r->spool->state == SPOOL_COMPLETE ? r->spool->bytes : r->spool->limits.length;

    r->source.length = whole < 0 ? -1 : MAX(whole - r->given, 0);
}

static enum pull reader_pull(struct source *source, struct chain *out, size_t max)
{
    struct reader *r = CONTAINER(source, struct reader, source);
    struct spool *s = r->spool;
    int64_t before = r->given;

    r->pos = r->given;
    r->waiting = false;
    release(s);
    if (!give(r, out, max))
        return PULL_ERROR;
    count_length(r);
    if (r->given == s->bytes && (r->given == before || s->state == SPOOL_COMPLETE))
        return at_end(r);
    return PULL_MORE;
}

static void unlink_reader(struct reader *r)
{
    struct reader **at = &r->spool->readers;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
}

static void reader_close(struct source *source)
{
    struct reader *r = CONTAINER(source, struct reader, source);
    struct spool *s = r->spool;

    unlink_reader(r);
    buf_give(&r->buf);
    release(s);
    conn_collect(r, sizeof(*r));
    spool_drop(s);
}

static const struct source_ops reader_ops = {"spool", reader_pull, reader_close};

struct source *spool_read(struct spool *s)
{
    struct reader *r = conn_alloc(sizeof(*r));

    spool_hold(s);
    r->spool = s;
    r->pos = r->given = s->first != NULL ? s->first->start : s->bytes;
    r->source = (struct source){.ops = &reader_ops, .file_ok = true};
    r->next = s->readers;
    s->readers = r;
    count_length(r);
    return &r->source;
}

/* Facts ---------------------------------------------------------------------------------------- */

int64_t spool_bytes(const struct spool *s)
{
    return s->bytes;
}

struct str spool_text(const struct spool *s, struct pool *pool)
{
    const struct segment *g = s->first;
    char *text, *end;

    if (uses_file(s))
        return STR_NONE;
    if (g == NULL)
        return STR("");
    if (g->next == NULL)
        return (struct str){g->memory.pos, g->len};
    text = end = pool_bytes(pool, (size_t)s->bytes);
    for (; g != NULL; g = g->next)
        end = (char *)memcpy(end, g->memory.pos, g->len) + g->len;
    return str_range(text, end);
}

int spool_file(const struct spool *s)
{
    return s->fd;
}

char *spool_take_name(struct spool *s)
{
    char *name = s->file_name;

    s->file_name = NULL;
    return name;
}

const char *spool_file_name(const struct spool *s)
{
    return s->file_name;
}
