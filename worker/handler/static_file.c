/*
 * worker/handler/static_file.c - files below `root` or `alias`: the content phase's last handler.
 */
#include "worker/handler/static_file.h"

#include <errno.h>

#include "common/conf_load.h"
#include "common/conf_value.h"
#include "worker/codec/escape.h"
#include "worker/http/file_cache.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

static enum verdict open_failed(struct request *r, struct str path, int err)
{
    bool missing = err == ENOENT || err == ENOTDIR || err == ENAMETOOLONG || err == ELOOP;

    if (!missing || HTTP_CORE(r)->log_not_found)
        log_error(&r->log, missing || err == EACCES ? LOG_ERROR : LOG_CRIT, err,
                  "open() \"%" STR_FMT "\" failed", STR_ARG(path));
    if (missing)
        return request_fail(r, 404, "file.missing");
    if (err == EACCES || err == EPERM)
        return request_fail(r, 403, "file.forbidden");
    return request_fail(r, 500, "file.error");
}

/* A directory is asked for without its '/': links in its index would lead astray. */
static enum verdict to_directory(struct request *r)
{
    struct pool *pool = request_pool(r);
    struct str uri = escape(pool, r->uri, ESCAPE_URI);

    return request_redirect_to(r, 301,
                               pool_printf(pool, "%" STR_FMT "/%s%" STR_FMT, STR_ARG(uri),
                                           r->args.len > 0 ? "?" : "", STR_ARG(r->args)));
}

static enum verdict send_file(struct request *r, struct cached_file *file)
{
    const struct http_core_conf *conf = HTTP_CORE(r);

    r->out.status = 200;
    r->out.length = file->bytes;
    r->out.type = http_core_type(conf, r->ext);
    r->out.last_modified = file->mtime_s;
    r->out.has_last_modified = true;
    if (conf->etag) {
        char *etag = pool_bytes(request_pool(r), file->etag_len);

        memcpy(etag, file->etag, file->etag_len);
        r->out.etag = (struct str){etag, file->etag_len};
    }
    r->out.accept_ranges = true;
    r->out.body = file_cache_source(request_pool(r), file, 0, file->bytes, conf->sendfile);
    return ANSWERED;
}

/* NULL with errno set; *path is for the log. */
static struct cached_file *open_file(struct request *r, struct str *path)
{
    struct cached_file *file;
    const void *root;
    struct str rest;
    bool short_way = file_path_parts(r, &root, &rest);

    if (short_way && (file = file_cache_find_below(root, rest)) != NULL) {
        *path = file->path;
        return file;
    }
    *path = file_path(r, 0);
    if (memchr(path->data, '\0', path->len) != NULL) {
        errno = ENOENT;
        return NULL;
    }
    file = file_cache_open(*path);
    if (file != NULL && short_way)
        file_cache_note_below(file, root, rest.len);
    return file;
}

static enum verdict serve(struct request *r)
{
    struct cached_file *file;
    struct str path;

    if (r->method != METHOD_GET && r->method != METHOD_HEAD && r->method != METHOD_POST)
        return request_fail(r, 405, "request.method");
    if (r->uri.data[r->uri.len - 1] == '/')
        return GO_ON;
    file = open_file(r, &path);
    record(r, "handler", "file \"%" STR_FMT "\": %s", STR_ARG(path), file ? "found" : "missing");
    if (file == NULL)
        return open_failed(r, path, errno);
    if (file->kind == FILE_REGULAR && r->method != METHOD_POST)
        return send_file(r, file);
    if (file->kind == FILE_DIRECTORY) {
        file_cache_drop(file);
        return to_directory(r);
    }
    if (file->kind == FILE_OTHER)
        log_error(&r->log, LOG_CRIT, 0, "\"%" STR_FMT "\" is not a regular file", STR_ARG(path));
    file_cache_drop(file);
    return request_fail(r, r->method == METHOD_POST ? 405 : 404, "file.kind");
}

static enum rc start(const struct child *child)
{
    file_cache_init();
    return RC_OK;
}

/* Directives whose purpose is served without them --------------------------------------------- */

static bool is_number(const struct conf_call *call, uint32_t i, const char *key)
{
    struct str value;
    int64_t n;

    return conf_arg_is(call, i, key, &value) && conf_int(value, &n) && n > 0;
}

static bool check_cache(struct conf_call *call)
{
    struct str value;
    int64_t ms;

    if (call->count == 1 && str_eq(conf_arg(call, 0), STR("off")))
        return true;
    for (uint32_t i = 0; i < call->count; i++)
        if (!is_number(call, i, "max=") &&
            !(conf_arg_is(call, i, "inactive=", &value) && conf_ms(value, &ms)))
            return conf_fail_arg(call, i, "invalid \"open_file_cache\" parameter \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
    return true;
}

static bool refuse(struct conf_call *call)
{
    return conf_fail_arg(call, 0, "invalid value \"%" STR_FMT "\" in \"%s\" directive",
                         STR_ARG(conf_arg(call, 0)), call->directive->name);
}

static bool check_time(struct conf_call *call)
{
    int64_t ms;

    return conf_ms(conf_arg(call, 0), &ms) || refuse(call);
}

static bool check_number(struct conf_call *call)
{
    int64_t n;

    return conf_int(conf_arg(call, 0), &n) || refuse(call);
}

static bool check_flag(struct conf_call *call)
{
    bool on;

    return conf_flag(conf_arg(call, 0), &on) || refuse(call);
}

#define CACHED   "open files are always kept, and compared with the file system when used"
#define ACCEPTED "Accepted for compatibility: " CACHED "."

static const struct directive directives[] = {
    {.name = "open_file_cache", .where = IN_WEB, .args = "max=number [inactive=time] ;; off",
     .apply = check_cache, .notice = CACHED, .doc = ACCEPTED},
    {.name = "open_file_cache_valid", .where = IN_WEB, .args = "time", .apply = check_time,
     .notice = CACHED, .doc = ACCEPTED},
    {.name = "open_file_cache_min_uses", .where = IN_WEB, .args = "number", .apply = check_number,
     .notice = CACHED, .doc = ACCEPTED},
    {.name = "open_file_cache_errors", .where = IN_WEB, .args = "on|off", .apply = check_flag,
     .notice = CACHED, .doc = ACCEPTED},
};

const struct module static_file_module = {
    .name = "static_file",
    .doc = "Files below root or alias.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .phase = PHASE_CONTENT,
    .handler = serve,
    .worker_start = start,
};
