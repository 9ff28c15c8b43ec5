/*
 * worker/http/file_access.c - files as a request's location lets them be opened, kept and sent.
 */
#include "worker/http/file_access.h"

#include <errno.h>
#include <fcntl.h>

#include "common/core_conf.h"
#include "common/conf_value.h"
#include "common/generation.h"
#include "worker/http/file_inside.h"
#include "worker/http/file_source.h"
#include "worker/http/http_core.h"
#include "worker/net/thread_pools.h"

enum aio { AIO_OFF, AIO_ON, AIO_THREADS };

struct file_access_conf {
    struct file_how how;
    struct template *trusted;       /* disable_symlinks ... from= */
    const struct file_cache_limits *cache; /* of open_file_cache; NULL: not given */
    bool cache_off, cache_events, aio_write;
    bool plain;                     /* how is as file_how_plain */
    enum aio aio;
    struct template *pool;          /* aio threads=...; NULL: "default" */
    int64_t direct_alignment, read_ahead;
};

static uint32_t file_access_index;

#define CONF_OF(r) REQUEST_CONF(r, file_access_index, struct file_access_conf)
#define F(member)  FIELD(struct file_access_conf, member)

/* Configuration -------------------------------------------------------------------------------- */

static bool set_links(struct conf_call *call)
{
    struct file_access_conf *conf = call->conf;
    bool has_mode = false;
    struct str text;
    const char *why;

    conf->trusted = NULL;
    for (uint32_t i = 0; i < call->count; i++) {
        struct str word = conf_arg(call, i);

        if (conf_arg_is(call, i, "from=", &text)) {
            if (conf->trusted != NULL)
                return conf_fail_arg(call, i, "duplicate \"from=\" in \"disable_symlinks\"");
            conf->trusted = template_compile(call->pool, &call->gen->http_vars, text, &why);
            if (conf->trusted == NULL)
                return conf_fail_arg(call, i, "%s", why);
            continue;
        }
        if (has_mode)
            return conf_fail(call, "duplicate parameters \"%" STR_FMT " %" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)), STR_ARG(conf_arg(call, 1)));
        has_mode = true;
        if (str_eq(word, STR("off")))
            conf->how.walk.links = LINKS_FOLLOW;
        else if (str_eq(word, STR("on")))
            conf->how.walk.links = LINKS_NEVER;
        else if (str_eq(word, STR("if_not_owner")))
            conf->how.walk.links = LINKS_OWNER;
        else
            return conf_fail_arg(call, i, "invalid parameter \"%" STR_FMT "\"", STR_ARG(word));
    }
    if (!has_mode)
        return conf_fail(call, "\"disable_symlinks\" must have \"off\", \"on\" or "
                               "\"if_not_owner\" parameter");
    if (conf->trusted != NULL && conf->how.walk.links == LINKS_FOLLOW)
        return conf_fail(call, "\"from=\" cannot be used with \"off\" parameter");
    return true;
}

static bool read_cache_word(struct conf_call *call, uint32_t i, struct file_cache_limits *limits)
{
    struct str value;
    int64_t n;

    if (conf_arg_is(call, i, "max=", &value) && conf_int(value, &n) && n > 0 && n < INT32_MAX) {
        limits->files_most = (uint32_t)n;
        return true;
    }
    if (conf_arg_is(call, i, "inactive=", &value) && conf_sec(value, &n) && n > 0) {
        limits->inactive_ms = n * 1000;
        return true;
    }
    return conf_fail_arg(call, i, "invalid \"open_file_cache\" parameter \"%" STR_FMT "\"",
                         STR_ARG(conf_arg(call, i)));
}

static bool set_cache(struct conf_call *call)
{
    struct file_access_conf *conf = call->conf;
    struct file_cache_limits *limits = pool_zalloc(call->pool, sizeof(*limits));

    conf->cache_off = false;
    limits->inactive_ms = 60000;
    for (uint32_t i = 0; i < call->count; i++) {
        if (str_eq(conf_arg(call, i), STR("off")))
            conf->cache_off = true;
        else if (!read_cache_word(call, i, limits))
            return false;
    }
    if (limits->files_most == 0 && !conf->cache_off)
        return conf_fail(call, "\"open_file_cache\" must have the \"max\" parameter");
    conf->cache = limits;
    return true;
}

/* Does the configuration have a pool of that name? */
static bool is_pool(struct conf_call *call, struct str name)
{
    const struct array *pools = core_conf(call->gen)->thread_pools;

    if (pools != NULL)
        EACH(const struct thread_pool_conf, pool, pools)
            if (str_eq(pool->name, name))
                return true;
    return str_eq(name, STR("default"));
}

static bool set_aio(struct conf_call *call)
{
    struct file_access_conf *conf = call->conf;
    struct str word = conf_arg(call, 0), name;
    const char *why;

    conf->pool = NULL;
    conf->aio = str_eq(word, STR("off"))       ? AIO_OFF
                : str_eq(word, STR("on"))      ? AIO_ON
                                               : AIO_THREADS;
    if (conf->aio != AIO_THREADS || str_eq(word, STR("threads")))
        return true;
    if (!conf_arg_is(call, 0, "threads=", &name))
        return conf_fail_arg(call, 0, "\"aio\" directive invalid value");
    if (!template_has_vars(name) && !is_pool(call, name))
        return conf_fail_arg(call, 0, "unknown thread pool \"%" STR_FMT "\"", STR_ARG(name));
    conf->pool = template_compile(call->pool, &call->gen->http_vars, name, &why);
    return conf->pool != NULL || conf_fail_arg(call, 0, "%s", why);
}

static bool derive(struct conf_call *call)
{
    struct file_access_conf *conf = call->conf;

    conf->how.cache = conf->cache_off ? NULL
                      : conf->cache != NULL ? conf->cache : &file_cache_default;
    conf->how.no_wait = conf->aio != AIO_OFF;
    conf->plain = conf->how.walk.links == LINKS_FOLLOW &&
                  conf->how.cache == &file_cache_default && conf->how.valid_ms == 0 &&
                  conf->how.min_uses <= 1 && conf->how.direct_bytes == 0 && !conf->how.errors &&
                  !conf->how.no_wait;
    return true;
}

/* At run time --------------------------------------------------------------------------------- */

bool file_access_is_plain(const struct request *r)
{
    return CONF_OF(r)->plain;
}

bool file_access_is_missing(int err)
{
    return err == ENOENT || err == ENOTDIR || err == ENAMETOOLONG;
}

bool file_access_is_forbidden(int err)
{
    return err == EACCES || err == EPERM || err == ELOOP || err == EMLINK;
}

/* How much of the path `from=` vouches for: all that comes before a '/'. */
static size_t trusted_part(struct str from, struct str path)
{
    if (from.len == 0 || !str_starts(path, from))
        return 0;
    if (from.data[from.len - 1] == '/')
        return from.len - 1;
    return path.data[from.len] == '/' ? from.len : 0;
}

struct file_walk file_access_walk(struct request *r, struct str path)
{
    const struct file_access_conf *conf = CONF_OF(r);
    struct file_walk walk = conf->how.walk;
    struct str from;

    if (walk.links == LINKS_FOLLOW || conf->trusted == NULL)
        return walk;
    from = scope_eval(&r->scope, conf->trusted);
    if (from.len == path.len && str_eq(from, path))
        walk.links = LINKS_FOLLOW;
    else
        walk.trusted = (uint32_t)trusted_part(from, path);
    return walk;
}

static struct file_how how_of(struct request *r, struct str path)
{
    struct file_how how = CONF_OF(r)->how;

    if (unlikely(how.walk.links != LINKS_FOLLOW))
        how.walk = file_access_walk(r, path);
    return how;
}

/* errno is set when not. A path with a NUL in it names another file to the kernel. */
static bool is_allowed(struct request *r, struct str path)
{
    if (memchr(path.data, '\0', path.len) == NULL && file_inside(r, path))
        return true;
    errno = ENOENT;
    return false;
}

struct cached_file *file_access_open(struct request *r, struct str path)
{
    struct file_how how;

    if (!is_allowed(r, path))
        return NULL;
    how = how_of(r, path);
    return file_cache_open(&how, path);
}

int file_access_look(struct request *r, struct str path, enum file_kind *kind)
{
    struct file_how how;

    *kind = FILE_MISSING;
    if (!is_allowed(r, path))
        return errno;
    how = how_of(r, path);
    return file_cache_look(&how, path, kind);
}

int file_access_stat_named(struct request *r, struct str path, struct stat *st)
{
    struct file_walk walk = file_access_walk(r, path);

    return file_walk_stat(&walk, path, st) == 0 ? 0 : errno;
}

int file_access_open_dir(struct request *r, struct str path, struct file_walk *walk)
{
    if (!is_allowed(r, path))
        return -1;
    *walk = file_access_walk(r, path);
    return file_walk_open(walk, path, O_RDONLY | O_DIRECTORY);
}

struct thread_pool *file_access_threads(struct request *r)
{
    const struct file_access_conf *conf = CONF_OF(r);
    struct thread_pool *pool;
    struct str name;

    if (conf->pool == NULL)
        return thread_pools_default();
    name = scope_eval(&r->scope, conf->pool);
    pool = thread_pools_find(name);
    if (pool == NULL)
        log_error(&r->log, LOG_ERROR, 0, "thread pool \"%" STR_FMT "\" not found", STR_ARG(name));
    return pool != NULL ? pool : thread_pools_default();
}

struct thread_pool *file_access_write_threads(struct request *r)
{
    const struct file_access_conf *conf = CONF_OF(r);

    return conf->aio != AIO_OFF && conf->aio_write ? file_access_threads(r) : NULL;
}

/* Only a plain connection's file pieces can wait for a thread. */
static bool can_send_in_thread(const struct request *r)
{
    return !r->tls && r->version < 20 && r == r->main;
}

struct thread_pool *file_access_send_threads(struct request *r)
{
    return CONF_OF(r)->aio != AIO_OFF && can_send_in_thread(r) ? file_access_threads(r) : NULL;
}

/* A file that is read in order, and is so large that it is worth telling. */
static void advise(const struct file_access_conf *conf, struct cached_file *file)
{
    if (conf->read_ahead == 0 || file->read_ahead || file->fd < 0 ||
        file->bytes < conf->read_ahead)
        return;
    file->read_ahead = true;
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

struct source *file_access_source(struct request *r, struct cached_file *file, int64_t offset,
                                  int64_t len)
{
    const struct file_access_conf *conf = CONF_OF(r);
    const struct buf_count *buffers = &HTTP_CORE(r)->output_buffers;
    struct file_sending sending = {
        .sendfile = HTTP_CORE(r)->sendfile,
        .buffer_bytes = (size_t)(buffers->number * buffers->bytes),
        .alignment = (size_t)conf->direct_alignment,
    };

    advise(conf, file);
    if (unlikely(conf->aio != AIO_OFF || file->direct))
        sending.threads = file_access_threads(r);
    if (sending.threads != NULL && !can_send_in_thread(r))
        sending.sendfile = false;
    return file_source(request_pool(r), file, offset, len, &sending);
}

static enum rc start(const struct child *child)
{
    file_cache_init();
    return RC_OK;
}

static const struct directive directives[] = {
    {.name = "disable_symlinks", .where = IN_WEB, .args = "off ;; on|if_not_owner [from=part]",
     .apply = set_links, .initial = "off",
     .doc = "Refuse with 403 what is reached by symbolic links: by any (on), or by those that "
            "belong to another user than what they lead to (if_not_owner). In the first part of a "
            "path, given with from=, all are followed. Listings leave such links out."},

    {.name = "open_file_cache", .where = IN_WEB, .args = "max=number [inactive=time] ;; off",
     .apply = set_cache,
     .doc = "Keep so many open files, and let go those that were not used for a time (60s). "
            "Without the directive every worker keeps what it can; with off each request opens "
            "its file anew."},
    {.name = "open_file_cache_valid", .where = IN_WEB, .args = "time", .value = VALUE_MS,
     .field = F(how.valid_ms), .initial = "0",
     .doc = "Trust what is known of a file for so long. With 0 every file is compared with the "
            "file system, once in each turn of the loop that uses it."},
    {.name = "open_file_cache_min_uses", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(how.min_uses), .initial = "1", .max = INT32_MAX,
     .doc = "How often a file must have been used within the time of inactive= before it is kept "
            "open, or its contents in memory."},
    {.name = "open_file_cache_errors", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(how.errors), .initial = "off",
     .doc = "Remember too that a file is missing or may not be read, for "
            "open_file_cache_valid."},
    {.name = "open_file_cache_events", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(cache_events), .initial = "off",
     .notice = "a changed file is noticed when it is next used",
     .doc = "Accepted for compatibility: a changed file is noticed when it is next used."},

    {.name = "aio", .where = IN_WEB, .args = "off|on|threads|threads=pool", .apply = set_aio,
     .initial = "off",
     .doc = "Read files in threads of a pool (\"default\" unless it is named), so that a slow "
            "disk delays nobody else. What is in memory already is sent without a thread where "
            "that can be known. on is the same as threads."},
    {.name = "aio_write", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(aio_write), .initial = "off",
     .doc = "With aio, write what is buffered of proxied responses to temporary files in threads "
            "too."},
    {.name = "directio", .where = IN_WEB, .args = "size|off", .value = VALUE_OFF_SIZE,
     .field = F(how.direct_bytes), .initial = "off",
     .doc = "Read files of at least this size past the page cache (O_DIRECT), always in threads."},
    {.name = "directio_alignment", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(direct_alignment), .initial = "512",
     .doc = "What offsets and lengths of such reads are multiples of; more is used where the file "
            "system asks for it."},
    {.name = "read_ahead", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(read_ahead), .initial = "0",
     .doc = "Tell the kernel of files of at least this size that they are read in order, so that "
            "it reads further ahead. 0: of none."},
};

const struct module file_access_module = {
    .name = "file_access",
    .doc = "How files are opened, kept and read.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct file_access_conf),
    .scope_done = derive, .worker_start = start, .index = &file_access_index,
};
