/*
 * worker/proxy/store.c - answers that stay as files.
 */
#include "worker/proxy/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_mode.h"
#include "common/generation.h"
#include "worker/codec/http_date.h"
#include "worker/http/file_path.h"
#include "worker/net/temp_file.h"

#define COPY_BYTES 65536

struct store {
    int fd;
    int64_t bytes;
    struct str path;      /* where it will be; NUL behind */
    char temp[PATH_MAX];
};

/* Directives ----------------------------------------------------------------------------------- */

bool store_set(struct conf_call *call)
{
    struct origin_conf *conf = call->conf;
    struct str text = conf_arg(call, 0);
    const char *why;

    conf->store = NULL;
    conf->store_by_uri = str_eq(text, STR("on"));
    if (conf->store_by_uri || str_eq(text, STR("off")))
        return true;
    if (text.len == 0)
        return conf_fail_arg(call, 0, "empty path");
    if (text.data[0] != '$')
        text = generation_path(call->gen, text);
    conf->store = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return conf->store != NULL || conf_fail_arg(call, 0, "%s", why);
}

bool store_set_access(struct conf_call *call)
{
    return file_mode_load(call, &((struct origin_conf *)call->conf)->store_access);
}

/* Writing -------------------------------------------------------------------------------------- */

static struct str path_of(struct proxy_run *run)
{
    struct str text;

    if (run->conf->store_by_uri)
        return file_path(run->r, 0);
    text = scope_eval(&run->r->scope, run->conf->store);
    return text.len == 0 ? text : pool_printf(request_pool(run->r), "%" STR_FMT, STR_ARG(text));
}

static bool is_name(struct str path)
{
    return path.len > 0 && path.data[0] == '/' && !str_ends(path, STR("/")) &&
           memchr(path.data, '\0', path.len) == NULL;
}

void store_begin(struct proxy_run *run)
{
    const struct origin_conf *conf = run->conf;
    struct store *store;
    struct str path;

    if ((conf->store == NULL && !conf->store_by_uri) || run->answer.status != 200 ||
        run->head_only || conf->temp == NULL)
        return;
    path = path_of(run);
    if (!is_name(path)) {
        log_error(&run->r->log, LOG_ERROR, 0, "no name of a file to store in: \"%" STR_FMT "\"",
                  STR_ARG(path));
        return;
    }
    store = pool_alloc(request_pool(run->r), sizeof(*store));
    store->path = path;
    store->bytes = 0;
    store->fd = temp_file_open_named(conf->temp, &run->r->log, store->temp, sizeof(store->temp));
    if (store->fd >= 0)
        run->store = store;
}

static void discard(struct proxy_run *run)
{
    struct store *store = run->store;

    run->store = NULL;
    unlink(store->temp);
    close(store->fd);
}

static bool write_piece(struct proxy_run *run, const char *data, size_t len)
{
    struct store *store = run->store;

    if (temp_file_write(store->fd, data, len, store->bytes, &run->r->log) != RC_OK)
        return false;
    store->bytes += (int64_t)len;
    return true;
}

void store_add(struct proxy_run *run, const struct chain *chain, size_t bytes)
{
    size_t skip = chain->bytes - bytes;

    for (uint32_t i = 0; i < chain->count; i++) {
        const struct piece *p = &chain->pieces[chain->first + i];

        if (p->len > skip && !write_piece(run, p->data + skip, p->len - skip)) {
            discard(run);
            return;
        }
        skip -= MIN(skip, p->len);
    }
}

/* The end -------------------------------------------------------------------------------------- */

static int make_parents(const struct store *store, mode_t file_mode)
{
    char *path = (char *)(uintptr_t)store->path.data; /* ours: evaluated for this request */

    for (size_t i = 1; i < store->path.len; i++) {
        int result;

        if (path[i] != '/')
            continue;
        path[i] = '\0';
        result = mkdir(path, file_mode_of_dir(file_mode));
        path[i] = '/';
        if (result != 0 && errno != EEXIST)
            return errno;
    }
    return 0;
}

static int copy_bytes(int from, int to)
{
    char block[COPY_BYTES];
    ssize_t n;

    if (lseek(from, 0, SEEK_SET) != 0)
        return errno;
    while ((n = read(from, block, sizeof(block))) > 0)
        if (write(to, block, (size_t)n) != n)
            return errno != 0 ? errno : ENOSPC;
    return n < 0 ? errno : 0;
}

/* The temporary file is on another file system: a copy beside the name takes its place. */
static int copy_there(struct store *store, mode_t mode, const struct timespec times[2])
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.%010u", store->path.data, (unsigned)getpid());
    int to, err;

    if (n < 0 || (size_t)n >= sizeof(beside))
        return ENAMETOOLONG;
    to = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return errno;
    errno = 0;
    err = copy_bytes(store->fd, to);
    if (err == 0 && (fchmod(to, mode) != 0 || futimens(to, times) != 0 ||
                     rename(beside, store->path.data) != 0))
        err = errno;
    if (err != 0)
        unlink(beside);
    close(to);
    return err;
}

static int move_there(struct store *store, mode_t mode, const struct timespec times[2])
{
    int err;

    if (fchmod(store->fd, mode) != 0 || futimens(store->fd, times) != 0)
        return errno;
    if (rename(store->temp, store->path.data) == 0)
        return 0;
    if (errno == ENOENT) {
        err = make_parents(store, mode);
        if (err != 0 || rename(store->temp, store->path.data) == 0)
            return err;
    }
    if (errno != EXDEV)
        return errno;
    err = copy_there(store, mode, times);
    if (err == 0)
        unlink(store->temp);
    return err;
}

void store_end(struct proxy_run *run, bool whole)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
    struct store *store = run->store;
    int64_t modified;
    int err;

    if (!whole) {
        discard(run);
        return;
    }
    if (http_date_parse(fields_value(&run->answer.fields, FIELD_LAST_MODIFIED), &modified))
        times[1] = (struct timespec){.tv_sec = (time_t)modified};
    err = move_there(store, (mode_t)run->conf->store_access, times);
    if (err != 0) {
        log_error(&run->r->log, LOG_CRIT, err, "\"%s\" could not be stored", store->path.data);
        discard(run);
        return;
    }
    run->store = NULL;
    close(store->fd);
}
