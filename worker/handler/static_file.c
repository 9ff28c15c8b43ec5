/*
 * worker/handler/static_file.c - files below `root` or `alias`: the content phase's last handler.
 */
#include "worker/handler/static_file.h"

#include <errno.h>

#include "worker/codec/escape.h"
#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

static enum verdict open_failed(struct request *r, struct str path, int err)
{
    bool missing = file_access_is_missing(err), forbidden = file_access_is_forbidden(err);

    if (!missing || HTTP_CORE(r)->log_not_found)
        log_error(&r->log, missing || forbidden ? LOG_ERROR : LOG_CRIT, err,
                  "open() \"%" STR_FMT "\" failed", STR_ARG(path));
    if (missing)
        return request_fail(r, 404, "file.missing");
    if (forbidden)
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

void static_file_describe(struct request *r, const struct cached_file *file)
{
    const struct http_core_conf *conf = HTTP_CORE(r);

    r->out.status = 200;
    r->out.type = http_core_type(conf, r->ext);
    r->out.last_modified = file->mtime_s;
    r->out.has_last_modified = true;
    if (conf->etag) {
        char *etag = pool_bytes(request_pool(r), file->etag_len);

        memcpy(etag, file->etag, file->etag_len);
        r->out.etag = (struct str){etag, file->etag_len};
    }
}

static enum verdict send_file(struct request *r, struct cached_file *file)
{
    static_file_describe(r, file);
    r->out.length = file->bytes;
    r->out.accept_ranges = true;
    r->out.body = file_access_source(r, file, 0, file->bytes);
    return ANSWERED;
}

/* NULL with errno set; *path is for the log. */
static struct cached_file *open_file(struct request *r, struct str *path)
{
    struct cached_file *file;
    const void *root;
    struct str rest;
    bool short_way = file_access_is_plain(r) && file_path_parts(r, &root, &rest);

    if (short_way && (file = file_cache_find_below(root, rest)) != NULL) {
        *path = file->path;
        return file;
    }
    *path = file_path(r, 0);
    file = file_access_open(r, *path);
    if (file != NULL && short_way)
        file_cache_note_below(file, root, rest.len);
    return file;
}

struct cached_file *static_file_open(struct request *r, enum verdict *answer)
{
    struct cached_file *file;
    struct str path;

    *answer = GO_ON;
    if (request_names_directory(r))
        return NULL;
    file = open_file(r, &path);
    record(r, "handler", "file \"%" STR_FMT "\": %s", STR_ARG(path), file ? "found" : "missing");
    if (file == NULL)
        *answer = open_failed(r, path, errno);
    if (file == NULL || file->kind == FILE_REGULAR)
        return file;
    file_cache_drop(file);
    return NULL;
}

static enum verdict serve(struct request *r)
{
    struct cached_file *file;
    struct str path;

    if (r->method != METHOD_GET && r->method != METHOD_HEAD && r->method != METHOD_POST)
        return request_fail(r, 405, "request.method");
    if (request_names_directory(r))
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
    return r->method == METHOD_POST ? request_fail(r, 405, "request.method")
                                    : request_fail(r, 404, "file.kind");
}

const struct module static_file_module = {
    .name = "static_file",
    .doc = "Files below root or alias.",
    .family = FAMILY_HTTP,
    .phase = PHASE_CONTENT,
    .handler = serve,
};
