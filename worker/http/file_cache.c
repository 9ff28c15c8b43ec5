/*
 * worker/http/file_cache.c - open files and the contents of small ones, per worker.
 *
 * Each cache has a table by path and a list by age, in which those used since they were last looked
 * at are passed over once when one has to go. How many descriptors and how many bytes of contents
 * there may be is counted over all caches.
 */
#include "worker/http/file_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fmt.h"
#include "common/log.h"
#include "common/pool.h"
#include "worker/event/loop.h"

#define BUCKETS       2048              /* of what is known below a root */
#define BUCKETS_LEAST 64                /* of a cache's table; half as many as it has files */
#define BUCKETS_MOST  (1 << 16)
#define FILES_MOST    4096              /* of the default cache, most by their contents alone */
#define OPEN_MOST     1024
#define SMALL         (32 * 1024)       /* contents up to this are kept in memory */
#define CONTENT_MOST  (8 * 1024 * 1024) /* of all of them together */
#define YOUNG_MS      100 /* within this of a change, another may leave the times as they are */
#define SWEEP_MS      10000
#define SWEEP_MOST    1024 /* entries that one sweep looks at */
#define TRIES         8    /* at finding one to close that is open */
#define CHANCES       16   /* how many used ones are passed over when one has to go */

struct file_cache {
    const struct file_cache_limits *limits;
    uint32_t open_most;
    uint32_t count;
    struct cached_file *newest, *oldest;
    struct timer sweep;
    struct file_cache *next;
    uint32_t mask;                      /* of the hash, for one of the buckets */
    struct cached_file *buckets[];
};

const struct file_cache_limits file_cache_default = {FILES_MOST, SWEEP_MS};
const struct file_how file_how_plain = {.cache = &file_cache_default};

static struct file_cache *caches;       /* the one used last is first */
static struct cached_file *below[BUCKETS];
static uint32_t open_count, open_limit = 64, open_limit_given = 64;
static size_t content_bytes;

void file_cache_init(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    open_limit = (uint32_t)MIN(limit.rlim_cur / 4, OPEN_MOST);
    open_limit_given = (uint32_t)MIN(limit.rlim_cur / 2, UINT32_MAX);
}

/* Lists ---------------------------------------------------------------------------------------- */

static struct cached_file **below_slot(const void *root, struct str rest)
{
    return &below[(str_hash(rest) ^ (uintptr_t)root >> 4) % BUCKETS];
}

static void take_out(struct cached_file *f)
{
    struct file_cache *cache = f->cache;

    *(f->newer != NULL ? &f->newer->older : &cache->newest) = f->older;
    *(f->older != NULL ? &f->older->newer : &cache->oldest) = f->newer;
}

static void put_first(struct cached_file *f)
{
    struct file_cache *cache = f->cache;

    f->newer = NULL;
    f->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = f;
    cache->newest = f;
}

static void unlist(struct cached_file *f)
{
    struct cached_file **at = &f->cache->buckets[f->hash & f->cache->mask];

    while (*at != f)
        at = &(*at)->chain;
    *at = f->chain;
    take_out(f);
    if (f->root != NULL && *below_slot(f->root, f->rest) == f)
        *below_slot(f->root, f->rest) = NULL;
    f->cache->count--;
    f->cache = NULL;
}

static void list(struct file_cache *cache, struct cached_file *f)
{
    f->cache = cache;
    f->chain = cache->buckets[f->hash & cache->mask];
    cache->buckets[f->hash & cache->mask] = f;
    put_first(f);
    cache->count++;
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
    if (f->cache == NULL)
        release(f);
    else if (f->content != NULL || f->uses < f->min_uses)
        close_fd(f);
}

static void forget(struct cached_file *f)
{
    unlist(f);
    if (f->holders == 0)
        release(f);
}

static void note_use(struct cached_file *f)
{
    f->uses++;
    f->used = true;
    f->used_ms = clock_mono_ms;
}

/* Caches --------------------------------------------------------------------------------------- */

/* So that each entry is looked at once in the time that it may be idle. */
static int64_t sweep_pause_ms(const struct file_cache *cache)
{
    int64_t ms = cache->limits->inactive_ms;

    return cache->count <= SWEEP_MOST ? ms : MAX(ms * SWEEP_MOST / cache->count, 10);
}

/* Those that were not used for long go; the others are looked at again when it is their turn. */
static void sweep(struct timer *timer)
{
    struct file_cache *cache = CONTAINER(timer, struct file_cache, sweep);

    for (uint32_t n = MIN(cache->count, SWEEP_MOST); n > 0; n--) {
        struct cached_file *f = cache->oldest;

        if (clock_mono_ms - f->used_ms >= cache->limits->inactive_ms) {
            forget(f);
            continue;
        }
        take_out(f);
        put_first(f);
    }
    if (cache->count > 0)
        timer_set(timer, sweep_pause_ms(cache));
}

static struct file_cache *create(const struct file_cache_limits *limits)
{
    struct file_cache *cache;
    uint32_t buckets = BUCKETS_LEAST;
    size_t bytes;

    while (buckets < limits->files_most / 2 && buckets < BUCKETS_MOST)
        buckets *= 2;
    bytes = sizeof(*cache) + buckets * sizeof(cache->buckets[0]);
    cache = memset(pool_malloc(bytes), 0, bytes);
    cache->limits = limits;
    cache->mask = buckets - 1;
    cache->open_most = limits == &file_cache_default
                           ? open_limit : MIN(open_limit_given, limits->files_most);
    cache->sweep.on_timer = sweep;
    return cache;
}

static struct file_cache *cache_of(const struct file_cache_limits *limits)
{
    struct file_cache **at = &caches, *cache;

    if (likely(caches != NULL && caches->limits == limits))
        return caches;
    while (*at != NULL && (*at)->limits != limits)
        at = &(*at)->next;
    cache = *at;
    if (cache != NULL)
        *at = cache->next;
    else
        cache = create(limits);
    cache->next = caches;
    caches = cache;
    return cache;
}

/* For one more: the oldest goes, unless it was used of late. */
static void make_room(struct file_cache *cache)
{
    for (int i = 0; i < CHANCES && cache->oldest->used; i++) {
        struct cached_file *f = cache->oldest;

        f->used = false;
        take_out(f);
        put_first(f);
    }
    forget(cache->oldest);
}

static void keep(const struct file_how *how, struct cached_file *f)
{
    struct file_cache *cache = cache_of(how->cache);

    for (int i = 0; i < TRIES && cache->count > 0; i++)
        if (cache->count >= cache->limits->files_most || open_count > cache->open_most)
            make_room(cache);
    list(cache, f);
    if (!timer_is_set(&cache->sweep))
        timer_set(&cache->sweep, sweep_pause_ms(cache));
}

/* Entries -------------------------------------------------------------------------------------- */

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static enum file_kind kind_of(const struct stat *st)
{
    return S_ISREG(st->st_mode)   ? FILE_REGULAR
           : S_ISDIR(st->st_mode) ? FILE_DIRECTORY
                                  : FILE_OTHER;
}

static bool is_same(const struct cached_file *f, const struct stat *st)
{
    return st->st_ino == f->ino && st->st_dev == f->dev && kind_of(st) == f->kind &&
           (f->kind == FILE_DIRECTORY ||
            (st->st_size == f->bytes && same_time(st->st_mtim, f->mtime) &&
             same_time(st->st_ctim, f->ctime)));
}

static bool look_again(const struct cached_file *f)
{
    struct stat st;

    if (file_walk_stat(&f->walk, f->path, &st) != 0)
        return f->kind == FILE_MISSING && errno == f->err;
    return f->kind != FILE_MISSING && is_same(f, &st);
}

static void note_check(struct cached_file *f)
{
    f->checked_turn = loop->turn;
    f->checked_ms = clock_mono_ms;
}

/* Is the path still this file, unchanged? Asked at most once in a loop turn. */
static bool still_true(struct cached_file *f, const struct file_how *how)
{
    if (f->checked_turn == loop->turn ||
        (how->valid_ms > 0 && clock_mono_ms - f->checked_ms < how->valid_ms))
        return true;
    if (!look_again(f))
        return false;
    note_check(f);
    return true;
}

static bool is_opened_so(const struct cached_file *f, const struct file_how *how)
{
    return f->walk.links == how->walk.links && f->walk.trusted == how->walk.trusted &&
           f->direct_bytes == how->direct_bytes;
}

static struct cached_file *find(const struct file_how *how, struct str path, uint32_t hash)
{
    struct file_cache *cache;
    struct cached_file *f;

    if (how->cache == NULL)
        return NULL;
    cache = cache_of(how->cache);
    f = cache->buckets[hash & cache->mask];
    while (f != NULL && (f->hash != hash || !str_eq(f->path, path) || !is_opened_so(f, how)))
        f = f->chain;
    return f;
}

static bool is_young(const struct cached_file *f)
{
    int64_t changed_ms = (int64_t)f->ctime.tv_sec * 1000 + f->ctime.tv_nsec / 1000000;

    return clock_wall_ms - changed_ms < YOUNG_MS;
}

/* False: not all of it could be had, or not without waiting. */
static bool read_whole(const struct cached_file *f, char *into, bool no_wait)
{
    struct iovec iov = {into, (size_t)f->bytes};
    ssize_t n = no_wait ? preadv2(f->fd, &iov, 1, 0, RWF_NOWAIT)
                        : pread(f->fd, into, (size_t)f->bytes, 0);

    return n == f->bytes;
}

static void load_content(struct cached_file *f, const struct file_how *how)
{
    char *content;

    if (f->kind != FILE_REGULAR || f->bytes == 0 || f->bytes > SMALL || f->direct ||
        f->uses < f->min_uses || is_young(f) ||
        content_bytes + (size_t)f->bytes > CONTENT_MOST)
        return;
    content = pool_malloc((size_t)f->bytes);
    if (!read_whole(f, content, how->no_wait)) {
        free(content);
        return;
    }
    f->content = content;
    content_bytes += (size_t)f->bytes;
}

static struct cached_file *new_entry(const struct file_how *how, struct str path, uint32_t hash)
{
    struct cached_file *f = pool_malloc(sizeof(*f) + path.len + 1);

    memset(f, 0, sizeof(*f));
    memcpy(f + 1, path.data, path.len + 1);
    f->path = (struct str){(char *)(f + 1), path.len};
    f->hash = hash;
    f->fd = -1;
    f->walk = how->walk;
    f->direct_bytes = how->direct_bytes;
    f->min_uses = (uint32_t)how->min_uses;
    note_check(f);
    note_use(f);
    return f;
}

static void describe(struct cached_file *f, const struct stat *st)
{
    char *p = f->etag;

    f->kind = kind_of(st);
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

/* File systems without O_DIRECT refuse it: then it is read as any other. */
static void set_direct(struct cached_file *f)
{
    int flags;

    if (f->direct_bytes == 0 || f->kind != FILE_REGULAR || f->bytes < f->direct_bytes)
        return;
    flags = fcntl(f->fd, F_GETFL);
    f->direct = flags >= 0 && fcntl(f->fd, F_SETFL, flags | O_DIRECT) == 0;
    if (!f->direct)
        log_error(&process_log, LOG_INFO, errno, "no direct I/O for \"%s\"", f->path.data);
}

/* -1 with errno. The file is regular, or was when it was looked at. */
static int open_file(const struct file_walk *walk, struct str path, struct stat *st)
{
    int fd = file_walk_open(walk, path, O_RDONLY | O_NONBLOCK | O_NOCTTY), err;

    if (fd < 0 || fstat(fd, st) == 0)
        return fd;
    err = errno;
    close(fd);
    errno = err;
    return -1;
}

static void take_fd(struct cached_file *f, int fd)
{
    f->fd = fd;
    open_count++;
    set_direct(f);
}

/* It was only looked at so far, or closed as it is not used often. False: it is another now. */
static bool open_again(struct cached_file *f)
{
    struct stat st;
    int fd;

    if (f->kind != FILE_REGULAR || f->fd >= 0 || f->content != NULL)
        return true;
    fd = open_file(&f->walk, f->path, &st);
    if (fd < 0)
        return false;
    if (!is_same(f, &st)) {
        close(fd);
        return false;
    }
    take_fd(f, fd);
    note_check(f);
    return true;
}

/* Held for the caller, after a look at the file system; false when it is no longer true. */
static bool hold(struct cached_file *f, const struct file_how *how)
{
    if (!still_true(f, how) || !open_again(f)) {
        forget(f);
        return false;
    }
    f->holders++;
    f->min_uses = (uint32_t)how->min_uses;
    note_use(f);
    if (f->content == NULL)
        load_content(f, how);
    return true;
}

/* NULL: errno is kept. */
static struct cached_file *open_new(const struct file_how *how, struct str path, uint32_t hash)
{
    struct cached_file *f;
    struct stat st;
    int fd = open_file(&how->walk, path, &st);

    if (fd < 0)
        return NULL;
    f = new_entry(how, path, hash);
    describe(f, &st);
    take_fd(f, fd);
    if (f->kind != FILE_REGULAR)
        close_fd(f);
    f->holders = 1;
    return f;
}

static bool is_settled(int err)
{
    return err == ENOENT || err == ENOTDIR || err == EACCES || err == ELOOP ||
           err == ENAMETOOLONG;
}

static void keep_missing(const struct file_how *how, struct str path, uint32_t hash, int err)
{
    struct cached_file *f;

    if (how->cache == NULL || !how->errors || !is_settled(err))
        return;
    f = new_entry(how, path, hash);
    f->kind = FILE_MISSING;
    f->err = err;
    keep(how, f);
}

/* True: what is known of that path is that there is nothing; errno says why. */
static bool known_missing(struct cached_file *f, const struct file_how *how)
{
    if (f->kind != FILE_MISSING || !still_true(f, how))
        return false;
    note_use(f);
    errno = f->err;
    return true;
}

struct cached_file *file_cache_open(const struct file_how *how, struct str path)
{
    uint32_t hash = (uint32_t)str_hash(path);
    struct cached_file *f = find(how, path, hash);

    if (f != NULL && known_missing(f, how))
        return NULL;
    if (f != NULL && f->kind == FILE_MISSING)
        forget(f);
    else if (f != NULL && hold(f, how))
        return f;
    f = open_new(how, path, hash);
    if (f == NULL) {
        int err = errno;

        keep_missing(how, path, hash, err);
        errno = err;
        return NULL;
    }
    if (how->cache != NULL && (f->kind == FILE_REGULAR || how->valid_ms > 0)) {
        load_content(f, how);
        keep(how, f);
    }
    return f;
}

int file_cache_look(const struct file_how *how, struct str path, enum file_kind *kind)
{
    uint32_t hash = (uint32_t)str_hash(path);
    struct cached_file *f = find(how, path, hash);
    struct stat st;
    int err;

    if (f != NULL && still_true(f, how)) {
        note_use(f);
        *kind = f->kind;
        return f->kind == FILE_MISSING ? f->err : 0;
    }
    if (f != NULL)
        forget(f);
    if (file_walk_stat(&how->walk, path, &st) != 0) {
        err = errno;
        *kind = FILE_MISSING;
        keep_missing(how, path, hash, err);
        return err;
    }
    *kind = kind_of(&st);
    if (how->cache != NULL && how->valid_ms > 0) {
        f = new_entry(how, path, hash);
        describe(f, &st);
        keep(how, f);
    }
    return 0;
}

struct cached_file *file_cache_find_below(const void *root, struct str rest)
{
    struct cached_file *f = *below_slot(root, rest);

    return f != NULL && f->root == root && str_eq(f->rest, rest) && hold(f, &file_how_plain)
               ? f : NULL;
}

void file_cache_note_below(struct cached_file *f, const void *root, size_t rest_len)
{
    struct str rest = str_from(f->path, f->path.len - rest_len);

    if (f->cache == NULL)
        return;
    if (f->root != NULL && *below_slot(f->root, f->rest) == f)
        *below_slot(f->root, f->rest) = NULL;
    f->root = root;
    f->rest = rest;
    *below_slot(root, rest) = f;
}
