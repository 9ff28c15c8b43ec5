/*
 * worker/net/source.c - the simple sources: memory, a file range, nothing.
 */
#include "worker/net/source.h"

#include <errno.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/pool.h"
#include "worker/event/post.h"

#define READ_BYTES (64 * 1024) /* a file read for a reader that takes no file pieces */

void source_close(struct source *s)
{
    if (s != NULL)
        s->ops->close(s);
}

void source_wake(struct source *s)
{
    if (s->waiter != NULL)
        post_now(s->waiter);
}

/* Memory --------------------------------------------------------------------------------------- */

struct memory_source {
    struct source source;
    struct str rest, all;
};

static enum pull memory_pull(struct source *s, struct chain *out, size_t max)
{
    struct memory_source *m = CONTAINER(s, struct memory_source, source);
    size_t len = MIN(max, m->rest.len);

    chain_add(out, m->rest.data, len);
    m->rest = str_from(m->rest, len);
    s->length = (int64_t)m->rest.len;
    return m->rest.len == 0 ? PULL_END : PULL_MORE;
}

static void nothing_to_close(struct source *s)
{
}

static void memory_window(struct source *s, int64_t first, int64_t len)
{
    struct memory_source *m = CONTAINER(s, struct memory_source, source);

    m->rest = (struct str){m->all.data + first, (size_t)len};
    s->length = len;
}

static const struct source_ops memory_ops = {"memory", memory_pull, nothing_to_close,
                                             memory_window};

struct source *source_memory(struct pool *pool, struct str text)
{
    struct memory_source *m = pool_zalloc(pool, sizeof(*m));

    m->source = (struct source){.ops = &memory_ops, .length = (int64_t)text.len, .file_ok = true};
    m->rest = m->all = text;
    return &m->source;
}

/* A file range --------------------------------------------------------------------------------- */

struct file_source {
    struct source source; /* its length is what is left */
    int fd;
    int64_t offset, begin;
    struct buf buf;
};

static enum pull file_add(struct file_source *f, struct chain *out, size_t len)
{
    chain_add_file(out, f->fd, f->offset, len);
    return PULL_MORE;
}

static enum pull file_read(struct file_source *f, struct chain *out, size_t *len)
{
    ssize_t n;

    if (f->buf.start == NULL)
        buf_take(&f->buf, MIN(*len, READ_BYTES));
    *len = MIN(*len, (size_t)(f->buf.end - f->buf.start));
    do
        n = pread(f->fd, f->buf.start, *len, f->offset);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        log_error(&process_log, LOG_CRIT, n < 0 ? errno : 0,
                  n < 0 ? "pread() failed" : "file was truncated while it was read");
        return PULL_ERROR;
    }
    *len = (size_t)n;
    chain_add(out, f->buf.start, *len);
    return PULL_MORE;
}

static enum pull file_pull(struct source *s, struct chain *out, size_t max)
{
    struct file_source *f = CONTAINER(s, struct file_source, source);
    size_t len = (size_t)MIN((uint64_t)s->length, max);
    enum pull result;

    if (s->length == 0)
        return PULL_END;
    result = s->file_ok ? file_add(f, out, len) : file_read(f, out, &len);
    if (result == PULL_ERROR)
        return result;
    f->offset += (int64_t)len;
    s->length -= (int64_t)len;
    return s->length == 0 ? PULL_END : PULL_MORE;
}

static void file_close(struct source *s)
{
    buf_give(&CONTAINER(s, struct file_source, source)->buf);
}

static void file_window(struct source *s, int64_t first, int64_t len)
{
    struct file_source *f = CONTAINER(s, struct file_source, source);

    f->offset = f->begin + first;
    s->length = len;
}

static const struct source_ops file_ops = {"file", file_pull, file_close, file_window};

struct source *source_file(struct pool *pool, int fd, int64_t offset, int64_t len)
{
    struct file_source *f = pool_zalloc(pool, sizeof(*f));

    f->source = (struct source){.ops = &file_ops, .length = len, .file_ok = true};
    f->fd = fd;
    f->offset = f->begin = offset;
    return &f->source;
}

/* Nothing -------------------------------------------------------------------------------------- */

static enum pull empty_pull(struct source *s, struct chain *out, size_t max)
{
    return PULL_END;
}

static const struct source_ops empty_ops = {"empty", empty_pull, nothing_to_close, NULL};

/* One for all: readers may set its waiter, it never wakes anybody. */
struct source *source_empty(void)
{
    static struct source empty;

    empty = (struct source){.ops = &empty_ops, .file_ok = true};
    return &empty;
}

/* Several -------------------------------------------------------------------------------------- */

struct joined_part {
    struct source *source;
    int64_t length;     /* from where it begins */
};

struct joined_source {
    struct source source;
    struct joined_part *parts;
    uint32_t count, at;
    int64_t skip;       /* of the part at `at`, before it is entered */
    int64_t left;       /* of it, once it is entered */
    bool entered;
};

/* The part at `at`, from `skip` on, as far as the body goes. */
static void enter_part(struct joined_source *j)
{
    struct joined_part *part = &j->parts[j->at];

    j->left = MIN(part->length - j->skip, j->source.length);
    part->source->ops->window(part->source, j->skip, j->left);
    j->skip = 0;
    j->entered = true;
}

static void leave_part(struct joined_source *j)
{
    j->at++;
    j->entered = false;
}

static enum pull joined_pull(struct source *s, struct chain *out, size_t max)
{
    struct joined_source *j = CONTAINER(s, struct joined_source, source);
    size_t before = out->bytes;
    struct source *part;
    enum pull result;

    while (s->length > 0 && !j->entered) {
        enter_part(j);
        if (j->left == 0)
            leave_part(j);
    }
    if (s->length == 0)
        return PULL_END;
    part = j->parts[j->at].source;
    part->waiter = s->waiter;
    part->file_ok = s->file_ok;
    result = source_pull(part, out, (size_t)MIN((uint64_t)j->left, max));
    j->left -= (int64_t)(out->bytes - before);
    s->length -= (int64_t)(out->bytes - before);
    if (result == PULL_END && j->left > 0)
        return PULL_ERROR;
    if (j->left == 0 && result != PULL_ERROR) {
        leave_part(j);
        return s->length == 0 ? PULL_END : PULL_MORE;
    }
    return result;
}

static void joined_close(struct source *s)
{
    struct joined_source *j = CONTAINER(s, struct joined_source, source);

    for (uint32_t i = 0; i < j->count; i++)
        source_close(j->parts[i].source);
}

static void joined_window(struct source *s, int64_t first, int64_t len)
{
    struct joined_source *j = CONTAINER(s, struct joined_source, source);

    s->length = len;
    for (j->at = 0; j->at < j->count && first >= j->parts[j->at].length; j->at++)
        first -= j->parts[j->at].length;
    j->skip = first;
    j->entered = false;
}

static const struct source_ops joined_ops = {"joined", joined_pull, joined_close, joined_window};

struct source *source_joined(struct pool *pool, struct source *const *parts, uint32_t count)
{
    struct joined_source *j = pool_zalloc(pool, sizeof(*j));

    j->source = (struct source){.ops = &joined_ops, .file_ok = true};
    j->parts = pool_alloc(pool, count * sizeof(*j->parts));
    j->count = count;
    for (uint32_t i = 0; i < count; i++) {
        j->parts[i] = (struct joined_part){parts[i], parts[i]->length};
        j->source.length += parts[i]->length;
    }
    return &j->source;
}
