/*
 * worker/http/file_source.c - a body that is a part of a file, sent or read, here or in a thread.
 *
 * What a thread reads belongs to a struct of its own, which outlives the source if a client goes
 * away meanwhile.
 */
#include "worker/http/file_source.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/pool.h"
#include "worker/event/threads.h"
#include "worker/net/conn.h"

#define READ_MOST    (16 << 20)
#define PAGE         4096       /* what any device is content with */
#define NOWAIT_BYTES (64 * 1024)/* a body up to this is looked for in memory before a thread is
                                   asked, though it could be sent */

/* A read in a thread. */
struct file_read {
    struct task task;
    struct file_source *source;  /* NULL: it was closed */
    struct cached_file *file;    /* held */
    struct buf buf;
    char *into;                  /* in buf, aligned as asked for */
    size_t want, alignment;      /* alignment 0: any */
    int64_t offset;
    ssize_t n;
    int err;
};

struct file_source {
    struct source source;
    struct cached_file *file;
    int64_t offset, left, begin; /* of what was not given yet */
    struct file_sending how;
    struct buf buf;              /* for what is read here */
    struct file_read *read;      /* runs */
    struct file_read *done;      /* ended; the bytes to give are in it, or in buf */
    char *ready;                 /* NULL: none were looked for in `done` yet */
    size_t ready_len;
    bool no_nowait;              /* the file system cannot say what is in memory */
};

static void read_failed(const struct file_source *s, ssize_t n, int err)
{
    log_error(&process_log, LOG_ALERT, n < 0 ? err : 0,
              n < 0 ? "read() \"%s\" failed"
                    : "file \"%s\" was truncated while it was sent", s->file->path.data);
}

/* In a thread ---------------------------------------------------------------------------------- */

static ssize_t read_all(struct file_read *read)
{
    ssize_t n;

    do
        n = pread(read->file->fd, read->into, read->want, read->offset);
    while (n < 0 && errno == EINTR);
    return n;
}

static void work(struct task *task)
{
    struct file_read *read = CONTAINER(task, struct file_read, task);

    read->n = read_all(read);
    read->err = errno;
}

static void read_destroy(struct file_read *read)
{
    buf_give(&read->buf);
    file_cache_drop(read->file);
    conn_collect(read, sizeof(*read));
}

static void done(struct task *task)
{
    struct file_read *read = CONTAINER(task, struct file_read, task);
    struct file_source *s = read->source;

    if (s == NULL) {
        read_destroy(read);
        return;
    }
    s->read = NULL;
    s->done = read;
    source_wake(&s->source);
}

/* Reading -------------------------------------------------------------------------------------- */

static size_t wanted(const struct file_source *s)
{
    return (size_t)MIN((uint64_t)s->left, s->how.buffer_bytes);
}

/* For direct I/O both ends are moved to where they may be. */
static void align(struct file_read *read, size_t alignment)
{
    int64_t end = read->offset + (int64_t)read->want, unit = (int64_t)alignment;

    read->alignment = alignment;
    read->offset -= read->offset % unit;
    read->want = (size_t)((end - read->offset + unit - 1) / unit * unit);
}

static void take_room(struct file_read *read)
{
    size_t over;

    buf_take(&read->buf, read->want + PAGE);
    over = (uintptr_t)read->buf.start % PAGE;
    read->into = read->buf.start + (over > 0 ? PAGE - over : 0);
}

static enum pull take_read(struct file_source *s);

static enum pull submit(struct file_source *s, size_t alignment)
{
    struct file_read *read = conn_alloc(sizeof(*read));

    *read = (struct file_read){.task = {.work = work, .done = done}, .source = s,
                               .file = s->file, .offset = s->offset, .want = wanted(s)};
    if (alignment > 0)
        align(read, alignment);
    take_room(read);
    s->file->holders++;
    s->read = read;
    if (threads_submit(s->how.threads, &read->task) == RC_OK)
        return PULL_WAIT;
    work(&read->task); /* better late than never */
    s->read = NULL;
    s->done = read;
    return take_read(s);
}

/* What a thread brought. A device may want more than `directio_alignment` says. */
static enum pull take_read(struct file_source *s)
{
    struct file_read *read = s->done;
    int64_t skip = s->offset - read->offset;

    if (read->n < 0 && read->err == EINVAL && read->alignment > 0 && read->alignment < PAGE) {
        s->done = NULL;
        read_destroy(read);
        return submit(s, PAGE);
    }
    if (read->n <= skip) {
        read_failed(s, MIN(read->n, 0), read->err);
        return PULL_ERROR;
    }
    s->ready = read->into + skip;
    s->ready_len = (size_t)MIN(read->n - skip, s->left);
    return PULL_MORE;
}

static void let_read_go(struct file_source *s)
{
    if (s->read != NULL)
        s->read->source = NULL;
    if (s->done != NULL)
        read_destroy(s->done);
    s->read = s->done = NULL;
    s->ready_len = 0;
}

/* Here and now; PULL_WAIT if that would block and there are threads to do it. */
static enum pull read_here(struct file_source *s)
{
    struct iovec iov;
    ssize_t n;

    if (s->buf.start == NULL)
        buf_take(&s->buf, wanted(s));
    iov = (struct iovec){s->buf.start, MIN(wanted(s), (size_t)(s->buf.end - s->buf.start))};
    do
        n = s->how.threads != NULL ? preadv2(s->file->fd, &iov, 1, s->offset, RWF_NOWAIT)
                                   : pread(s->file->fd, iov.iov_base, iov.iov_len, s->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0 && s->how.threads != NULL && (errno == EAGAIN || errno == EOPNOTSUPP)) {
        s->no_nowait = errno == EOPNOTSUPP;
        return PULL_WAIT;
    }
    if (n <= 0) {
        read_failed(s, n, errno);
        return PULL_ERROR;
    }
    s->ready = s->buf.start;
    s->ready_len = (size_t)n;
    return PULL_MORE;
}

static enum pull read_more(struct file_source *s)
{
    enum pull result = PULL_WAIT;

    if (s->read != NULL)
        return PULL_WAIT;
    if (s->done != NULL && s->ready == NULL)
        return take_read(s);
    let_read_go(s);
    s->ready = NULL;
    if (s->file->direct)
        return submit(s, s->how.alignment);
    if (!s->no_nowait)
        result = read_here(s);
    return result == PULL_WAIT ? submit(s, 0) : result;
}

static enum pull give_read(struct file_source *s, struct chain *out, size_t max)
{
    enum pull result = PULL_MORE;
    size_t n;

    if (s->ready_len == 0)
        result = read_more(s);
    if (result != PULL_MORE)
        return result;
    n = MIN(s->ready_len, max);
    chain_add(out, s->ready, n);
    s->ready += n;
    s->ready_len -= n;
    s->offset += (int64_t)n;
    s->left -= (int64_t)n;
    return s->left == 0 ? PULL_END : PULL_MORE;
}

/* The source ----------------------------------------------------------------------------------- */

/* Small bodies are read, if that can be done at once, rather than sent by a thread. */
static bool is_sent(const struct file_source *s)
{
    return s->how.sendfile && s->source.file_ok && !s->file->direct &&
           (s->how.threads == NULL || s->left > NOWAIT_BYTES);
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);
    size_t n;

    if (s->left == 0)
        return PULL_END;
    if (s->file->content == NULL && !(is_sent(s) && s->read == NULL && s->ready_len == 0))
        return give_read(s, out, max);
    n = (size_t)MIN((uint64_t)s->left, max);
    if (s->file->content != NULL)
        chain_add(out, s->file->content + s->offset, n);
    else
        chain_add_file_by(out, s->file->fd, s->offset, n, s->how.threads);
    s->offset += (int64_t)n;
    s->left -= (int64_t)n;
    return s->left == 0 ? PULL_END : PULL_MORE;
}

static void close_file(struct source *source)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);

    let_read_go(s);
    buf_give(&s->buf);
    file_cache_drop(s->file);
}

static void window(struct source *source, int64_t first, int64_t len)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);

    s->offset = s->begin + first;
    s->left = len;
    let_read_go(s);
    s->ready = NULL;
}

static const struct source_ops file_ops = {.name = "file", .pull = pull, .close = close_file,
                                           .window = window};

struct source *file_source(struct pool *pool, struct cached_file *file, int64_t offset,
                           int64_t len, const struct file_sending *sending)
{
    struct file_source *s = pool_zalloc(pool, sizeof(*s));

    s->source = (struct source){.ops = &file_ops, .length = len, .file_ok = true};
    s->file = file;
    s->offset = s->begin = offset;
    s->left = len;
    s->how = *sending;
    s->how.buffer_bytes = MIN(MAX(s->how.buffer_bytes, 1), READ_MOST);
    return &s->source;
}
