/*
 * worker/http/file_cache.c - open files and the contents of small ones, per worker.
 */
#include "worker/http/file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fmt.h"
#include "common/log.h"
#include "common/pool.h"
#include "worker/event/loop.h"

#define BUCKETS       2048
#define FILES_MOST    4096              /* known, most of them by their contents alone */
#define OPEN_MOST     1024
#define SMALL         (32 * 1024)       /* contents up to this are kept in memory */
#define CONTENT_MOST  (8 * 1024 * 1024) /* of all of them together */
#define YOUNG_MS      100 /* within this of a change, another may leave the times as they are */
#define READ_BYTES    (64 * 1024)
#define SWEEP_MS      10000
#define TRIES         8   /* at finding one to close that is open */
#define CHANCES       16  /* how many used ones are passed over when one has to go */

static struct cached_file *buckets[BUCKETS], *below[BUCKETS];
static struct cached_file *newest, *oldest;
static uint32_t file_count, open_count, open_limit = 64;
static size_t content_bytes;
static struct timer sweep_timer;

void file_cache_init(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        open_limit = (uint32_t)MIN(limit.rlim_cur / 4, OPEN_MOST);
}

static struct cached_file **below_slot(const void *root, struct str rest)
{
    return &below[(str_hash(rest) ^ (uintptr_t)root >> 4) % BUCKETS];
}

static void take_out(struct cached_file *f)
{
    *(f->newer != NULL ? &f->newer->older : &newest) = f->older;
    *(f->older != NULL ? &f->older->newer : &oldest) = f->newer;
}

static void unlist(struct cached_file *f)
{
    struct cached_file **at = &buckets[f->hash % BUCKETS];

    while (*at != f)
        at = &(*at)->chain;
    *at = f->chain;
    take_out(f);
    if (f->root != NULL && *below_slot(f->root, f->rest) == f)
        *below_slot(f->root, f->rest) = NULL;
    f->listed = false;
    file_count--;
}

static void put_first(struct cached_file *f)
{
    f->newer = NULL;
    f->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = f;
    newest = f;
}

static void list(struct cached_file *f)
{
    f->chain = buckets[f->hash % BUCKETS];
    buckets[f->hash % BUCKETS] = f;
    put_first(f);
    f->listed = true;
    file_count++;
}

static void close_fd(struct cached_file *f)
{
    if (f->fd < 0)
        return;
    close(f->fd);
    f->fd = -1;
    open_count--;
}

static void release(struct cached_file *f)
{
    if (f->content != NULL)
        content_bytes -= (size_t)f->bytes;
    free((char *)(uintptr_t)f->content);
    close_fd(f);
    free(f);
}

/* While somebody holds it the descriptor may be on its way out, in a piece of a chain. */
void file_cache_drop(struct cached_file *f)
{
    if (--f->holders > 0)
        return;
    if (!f->listed)
        release(f);
    else if (f->content != NULL)
        close_fd(f);
}

static void forget(struct cached_file *f)
{
    unlist(f);
    if (f->holders == 0)
        release(f);
}

/* Those not used since the last time go. */
static void sweep(struct timer *timer)
{
    struct cached_file *f = oldest, *next;

    for (; f != NULL; f = next) {
        next = f->newer;
        if (!f->used)
            forget(f);
        else
            f->used = false;
    }
    if (file_count > 0)
        timer_set(timer, SWEEP_MS);
}

/* For one more: the oldest goes, unless it was used of late. */
static void make_room(void)
{
    for (int i = 0; i < CHANCES && oldest->used; i++) {
        struct cached_file *f = oldest;

        f->used = false;
        take_out(f);
        put_first(f);
    }
    forget(oldest);
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Is the path still this file, unchanged? Asked at most once in a loop turn. */
static bool still_true(struct cached_file *f)
{
    struct stat st;

    if (f->checked_turn == loop->turn)
        return true;
    if (stat(f->path.data, &st) != 0 || st.st_ino != f->ino || st.st_dev != f->dev ||
        st.st_size != f->bytes || !same_time(st.st_mtim, f->mtime) ||
        !same_time(st.st_ctim, f->ctime))
        return false;
    f->checked_turn = loop->turn;
    return true;
}

static struct cached_file *find(struct str path, uint32_t hash)
{
    struct cached_file *f = buckets[hash % BUCKETS];

    while (f != NULL && (f->hash != hash || !str_eq(f->path, path)))
        f = f->chain;
    return f;
}

static bool is_young(const struct cached_file *f)
{
    int64_t changed_ms = (int64_t)f->ctime.tv_sec * 1000 + f->ctime.tv_nsec / 1000000;

    return clock_wall_ms - changed_ms < YOUNG_MS;
}

static void load_content(struct cached_file *f)
{
    char *content;

    if (f->kind != FILE_REGULAR || f->bytes == 0 || f->bytes > SMALL || is_young(f) ||
        content_bytes + (size_t)f->bytes > CONTENT_MOST)
        return;
    content = pool_malloc((size_t)f->bytes);
    if (pread(f->fd, content, (size_t)f->bytes, 0) != f->bytes) {
        free(content);
        return;
    }
    f->content = content;
    content_bytes += (size_t)f->bytes;
}

static void describe(struct cached_file *f, const struct stat *st)
{
    char *p = f->etag;

    f->kind = S_ISREG(st->st_mode)   ? FILE_REGULAR
              : S_ISDIR(st->st_mode) ? FILE_DIRECTORY
                                     : FILE_OTHER;
    f->bytes = st->st_size;
    f->mtime_s = st->st_mtim.tv_sec;
    f->mtime = st->st_mtim;
    f->ctime = st->st_ctim;
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    *p++ = '"';
    p = fmt_hex(p, (uint64_t)f->mtime_s);
    *p++ = '-';
    p = fmt_hex(p, (uint64_t)f->bytes);
    *p++ = '"';
    f->etag_len = (uint8_t)(p - f->etag);
}

static struct cached_file *open_new(struct str path, uint32_t hash)
{
    int fd = open(path.data, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct cached_file *f;
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return NULL;
    }
    f = pool_malloc(sizeof(*f) + path.len + 1);
    memset(f, 0, sizeof(*f));
    memcpy(f + 1, path.data, path.len + 1);
    f->path = (struct str){(char *)(f + 1), path.len};
    f->hash = hash;
    f->fd = fd;
    open_count++;
    f->checked_turn = loop->turn;
    describe(f, &st);
    if (f->kind != FILE_REGULAR)
        close_fd(f);
    return f;
}

/* Held for the caller, after a look at the file system; false when it is no longer true. */
static bool hold(struct cached_file *f)
{
    if (!still_true(f)) {
        forget(f);
        return false;
    }
    f->holders++;
    f->used = true;
    if (f->content == NULL)
        load_content(f);
    return true;
}

static void keep(struct cached_file *f)
{
    for (int i = 0; i < TRIES && file_count > 0; i++)
        if (file_count >= FILES_MOST || open_count > open_limit)
            make_room();
    list(f);
    f->used = true;
    sweep_timer.on_timer = sweep;
    if (!timer_is_set(&sweep_timer))
        timer_set(&sweep_timer, SWEEP_MS);
}

struct cached_file *file_cache_open(struct str path)
{
    uint32_t hash = (uint32_t)str_hash(path);
    struct cached_file *f = find(path, hash);

    if (f != NULL && hold(f))
        return f;
    f = open_new(path, hash);
    if (f == NULL)
        return NULL;
    f->holders = 1;
    if (f->kind == FILE_REGULAR) {
        load_content(f);
        keep(f);
    }
    return f;
}

struct cached_file *file_cache_find_below(const void *root, struct str rest)
{
    struct cached_file *f = *below_slot(root, rest);

    return f != NULL && f->root == root && str_eq(f->rest, rest) && hold(f) ? f : NULL;
}

void file_cache_note_below(struct cached_file *f, const void *root, size_t rest_len)
{
    struct str rest = str_from(f->path, f->path.len - rest_len);

    if (!f->listed)
        return;
    if (f->root != NULL && *below_slot(f->root, f->rest) == f)
        *below_slot(f->root, f->rest) = NULL;
    f->root = root;
    f->rest = rest;
    *below_slot(root, rest) = f;
}

/* Sending -------------------------------------------------------------------------------------- */

struct file_source {
    struct source source;
    struct cached_file *file;
    int64_t offset, left, begin;
    bool direct;
    struct buf buf;         /* when not sent directly */
};

static enum pull read_piece(struct file_source *s, struct chain *out, size_t max)
{
    size_t want = MIN(MIN((size_t)s->left, max), READ_BYTES);
    ssize_t n;

    if (s->buf.start == NULL)
        buf_take(&s->buf, READ_BYTES);
    n = pread(s->file->fd, s->buf.start, want, s->offset);
    if (n <= 0) {
        log_error(&process_log, LOG_ALERT, n < 0 ? errno : 0,
                  "pread() read only %zd of %zu from \"%s\"", n, want, s->file->path.data);
        return PULL_ERROR;
    }
    chain_add(out, s->buf.start, (size_t)n);
    s->offset += n;
    s->left -= n;
    return s->left == 0 ? PULL_END : PULL_MORE;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);
    size_t n;

    if (s->left == 0)
        return PULL_END;
    if (s->file->content == NULL && !(s->direct && source->file_ok))
        return read_piece(s, out, max);
    n = MIN((size_t)s->left, max);
    if (s->file->content != NULL)
        chain_add(out, s->file->content + s->offset, n);
    else
        chain_add_file(out, s->file->fd, s->offset, n);
    s->offset += (int64_t)n;
    s->left -= (int64_t)n;
    return s->left == 0 ? PULL_END : PULL_MORE;
}

static void close_file(struct source *source)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);

    buf_give(&s->buf);
    file_cache_drop(s->file);
}

static void window(struct source *source, int64_t first, int64_t len)
{
    struct file_source *s = CONTAINER(source, struct file_source, source);

    s->offset = s->begin + first;
    s->left = len;
}

static const struct source_ops file_ops = {.name = "file", .pull = pull, .close = close_file,
                                           .window = window};

struct source *file_cache_source(struct pool *pool, struct cached_file *file, int64_t offset,
                                 int64_t len, bool direct)
{
    struct file_source *s = pool_zalloc(pool, sizeof(*s));

    s->source = (struct source){.ops = &file_ops, .length = len, .file_ok = true};
    s->file = file;
    s->offset = s->begin = offset;
    s->left = len;
    s->direct = direct;
    return &s->source;
}
