/*
 * worker/handler/gzip_static.c - files that were compressed beforehand: PATH.gz in place of PATH.
 */
#include "worker/handler/gzip_static.h"

#include <errno.h>

#include "worker/http/file_access.h"
#include "worker/http/file_path.h"
#include "worker/http/coding.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"

enum { GZIP_STATIC_OFF, GZIP_STATIC_ON, GZIP_STATIC_ALWAYS };

struct gzip_static_conf {
    int64_t mode;
};

static uint32_t gzip_static_index;

static struct str gz_path(struct request *r)
{
    struct str path = file_path(r, 3);

    memcpy((char *)(uintptr_t)path.data + path.len, ".gz", 4);
    return (struct str){path.data, path.len + 3};
}

static struct cached_file *open_gz(struct request *r)
{
    struct str path = gz_path(r);
    struct cached_file *file;

    file = file_access_open(r, path);
    if (file == NULL && !file_access_is_missing(errno))
        log_error(&r->log, file_access_is_forbidden(errno) ? LOG_ERROR : LOG_CRIT, errno,
                  "open() \"%" STR_FMT "\" failed", STR_ARG(path));
    record(r, "handler", "file \"%" STR_FMT "\": %s", STR_ARG(path), file ? "found" : "missing");
    return file;
}

/* The file's own times and tag, the type of what it stands for. */
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
    r->out.encoding = STR("gzip");
    r->out.body = file_access_source(r, file, 0, file->bytes);
    return ANSWERED;
}

static enum verdict serve(struct request *r)
{
    int64_t mode = REQUEST_CONF(r, gzip_static_index, struct gzip_static_conf)->mode;
    struct cached_file *file;
    bool ok;

    if (mode == GZIP_STATIC_OFF || r->uri.data[r->uri.len - 1] == '/' ||
        (r->method != METHOD_GET && r->method != METHOD_HEAD))
        return GO_ON;
    ok = mode == GZIP_STATIC_ALWAYS || coding_weight(r, CODING_GZIP) > 0;
    if (!ok && !coding_says_vary(r))
        return GO_ON;
    file = open_gz(r);
    if (file == NULL)
        return GO_ON;
    if (mode == GZIP_STATIC_ON)
        coding_varies(r);
    if (ok && file->kind == FILE_REGULAR)
        return send_file(r, file);
    file_cache_drop(file);
    return GO_ON;
}

static const struct word mode_words[] = {{"off", GZIP_STATIC_OFF}, {"on", GZIP_STATIC_ON},
                                         {"always", GZIP_STATIC_ALWAYS}, {NULL, 0}};

static const struct directive directives[] = {
    {.name = "gzip_static", .where = IN_WEB, .args = "on|off|always", .value = VALUE_ENUM,
     .words = mode_words, .field = FIELD(struct gzip_static_conf, mode), .initial = "off",
     .doc = "Send FILE.gz, where there is one, to clients that take gzip (on), or to all."},
};

const struct module gzip_static_module = {
    .name = "gzip_static", .nginx_name = "http_gzip_static_module",
    .doc = "Files that were compressed beforehand.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct gzip_static_conf),
    .phase = PHASE_CONTENT, .handler = serve, .index = &gzip_static_index,
};
