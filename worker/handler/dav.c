/*
 * worker/handler/dav.c - files written, made, copied, moved and removed by clients (RFC 4918).
 *
 * Here a request is judged; what it wants done is done in a thread (dav_job). A body is first all
 * in a temporary file: what a client does not send to its end is never seen.
 */
#include "worker/handler/dav.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file_mode.h"
#include "common/fmt.h"
#include "worker/codec/escape.h"
#include "worker/codec/http_date.h"
#include "worker/codec/uri.h"
#include "worker/handler/dav_job.h"
#include "worker/http/body.h"
#include "worker/http/file_access.h"
#include "worker/http/file_inside.h"
#include "worker/http/file_path.h"
#include "worker/http/http_core.h"
#include "worker/http/phase.h"
#include "worker/net/temp_file.h"

struct dav_conf {
    int64_t methods;          /* METHOD_BIT */
    bool full_put_path;
    int64_t delete_depth;
    int64_t access;           /* mode of new files */
};
#define PULL_BYTES (64 * 1024)

#define F(member) FIELD(struct dav_conf, member)

static uint32_t dav_index;

#define CONF_OF(r) REQUEST_CONF(r, dav_index, struct dav_conf)

/* A job with what it refers to. Outlives a request that ends while it runs. */
struct dav_work {
    struct dav_job job;
    struct request *request;  /* NULL: it has ended */
    bool ended;
    size_t bytes, used;
    char texts[];
};

struct dav_ctx {
    struct dav_work *work;    /* NULL: not begun */
};

/* Work ----------------------------------------------------------------------------------------- */

static void destroy(struct dav_work *work)
{
    if (work->job.body >= 0)
        close(work->job.body);
    if (work->job.body_name != NULL && !work->job.body_gone && unlink(work->job.body_name) != 0)
        log_error(&process_log, LOG_CRIT, errno, "unlink() \"%s\" failed", work->job.body_name);
    free(work->job.body_name);
    free(work);
}

static void run(struct task *task)
{
    dav_job_run(CONTAINER(task, struct dav_job, task));
}

static void done(struct task *task)
{
    struct dav_work *work = CONTAINER(task, struct dav_work, job.task);

    work->ended = true;
    if (work->request != NULL)
        request_resume(work->request);
    else
        destroy(work);
}

static void request_ends(void *arg)
{
    struct dav_work *work = arg;

    if (work->ended)
        destroy(work);
    else
        work->request = NULL;
}

/* A copy that lives as long as the work does, NUL behind. */
static struct str keep(struct dav_work *work, struct str text)
{
    char *copy = work->texts + work->used;

    must(work->used + text.len + 1 <= work->bytes);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    work->used += text.len + 1;
    return (struct str){copy, text.len};
}

/* 0 when the path may be used; *place stays the request's until it is kept. */
static int find_place(struct request *r, struct str uri, struct dav_place *place)
{
    place->path = file_path_of(r, uri, 0);
    place->collection = uri.data[uri.len - 1] == '/';
    if (memchr(place->path.data, '\0', place->path.len) != NULL || !file_inside(r, place->path))
        return ENOENT;
    place->walk = file_access_walk(r, place->path);
    while (place->path.len > 1 && place->path.data[place->path.len - 1] == '/')
        place->path.len--;
    return 0;
}

static void take_conditions(struct request *r, struct dav_work *work)
{
    struct dav_conditions *c = &work->job.conditions;
    int64_t date;

    c->if_match = keep(work, fields_value(r->fields, FIELD_IF_MATCH));
    c->if_none_match = keep(work, fields_value(r->fields, FIELD_IF_NONE_MATCH));
    c->unmodified_since = -1;
    if (http_date_parse(fields_value(r->fields, FIELD_IF_UNMODIFIED_SINCE), &date))
        c->unmodified_since = date;
}

static struct dav_work *new_work(struct request *r, enum dav_op op, const struct dav_place *at,
                                 const struct dav_place *to)
{
    const struct dav_conf *conf = CONF_OF(r);
    size_t bytes = at->path.len + to->path.len + 8 +
                   fields_value(r->fields, FIELD_IF_MATCH).len +
                   fields_value(r->fields, FIELD_IF_NONE_MATCH).len;
    struct dav_work *work = pool_malloc(sizeof(*work) + bytes);

    *work = (struct dav_work){.request = r, .bytes = bytes};
    work->job = (struct dav_job){
        .task = {.work = run, .done = done}, .op = op, .at = *at, .to = *to, .body = -1,
        .make_parents = op == DAV_PUT ? conf->full_put_path : true, .mtime_s = -1,
        .file_mode = (mode_t)conf->access, .dir_mode = file_mode_of_dir((mode_t)conf->access)};
    work->job.at.path = keep(work, at->path);
    work->job.to.path = keep(work, to->path);
    take_conditions(r, work);
    pool_on_destroy(request_pool(r), request_ends, work);
    return work;
}

static enum verdict succeed(struct request *r, const struct dav_job *job)
{
    request_answer(r, job->status, STR(""), STR(""));
    r->out.no_default_type = true;
    if (job->status == 201 && (job->op == DAV_PUT || job->op == DAV_MKCOL))
        r->out.location = escape(request_pool(r), r->uri, ESCAPE_URI);
    return ANSWERED;
}

static enum verdict begin(struct request *r, struct dav_work *work)
{
    struct dav_ctx *ctx = request_ctx(r, dav_index, sizeof(*ctx));

    if (r->ops->dry) { /* nothing may be done: it is taken to succeed */
        work->ended = true;
        work->job.status = 204;
        record(r, "handler", "%" STR_FMT " \"%s\"", STR_ARG(r->method_text),
               work->job.at.path.data);
        return succeed(r, &work->job);
    }
    ctx->work = work;
    if (threads_submit(file_access_threads(r), &work->job.task) == RC_OK)
        return WAIT_EVENT;
    work->ended = true; /* the queue is full: nothing was done */
    return request_fail(r, 503, "threads.busy");
}

/* What came of it. */
static enum verdict finish(struct request *r, struct dav_ctx *ctx)
{
    const struct dav_job *job = &ctx->work->job;
    enum log_level level = job->status >= 500 ? LOG_CRIT : LOG_ERROR;

    ctx->work = NULL; /* the pool's from now on */
    if (job->err != 0)
        log_error(&r->log, level, job->err, "%s \"%s\" failed", job->what, job->where);
    record(r, "handler", "%" STR_FMT ": %d", STR_ARG(r->method_text), job->status);
    return job->status < 300 ? succeed(r, job) : request_fail(r, job->status, "dav.refused");
}

/* What requests say ---------------------------------------------------------------------------- */

static enum verdict refuse(struct request *r, int status, const char *why)
{
    log_error(&r->log, LOG_ERROR, 0, "%s", why);
    return request_fail(r, status, "dav.request");
}

static bool has_body(const struct request *r)
{
    return r->content_length > 0 || r->chunked;
}

static enum dav_depth depth_of(struct request *r)
{
    struct str value = fields_value(r->fields, FIELD_DEPTH);

    if (value.data == NULL || str_eq(value, STR("infinity")))
        return DAV_INFINITE;
    if (str_eq(value, STR("0")))
        return DAV_ZERO;
    if (str_eq(value, STR("1")))
        return DAV_ONE;
    log_error(&r->log, LOG_ERROR, 0, "client sent invalid \"Depth\" header: \"%" STR_FMT "\"",
              STR_ARG(value));
    return DAV_DEPTH_UNKNOWN;
}

/* PUT */

/* For a body that somebody else has read before (into memory, as a rule). */
static bool write_body(struct request *r, int fd)
{
    struct source *body = body_source(r);
    enum pull result = PULL_MORE;
    enum rc rc = RC_OK;
    int64_t offset = 0;
    struct chain in;

    chain_init(&in);
    body->file_ok = false;
    while (result == PULL_MORE && rc == RC_OK) {
        result = source_pull(body, &in, PULL_BYTES);
        for (; !chain_empty(&in) && rc == RC_OK; chain_consume(&in, chain_head(&in)->len)) {
            const struct piece *p = chain_head(&in);

            rc = temp_file_write(fd, p->data, p->len, offset, &r->log);
            offset += (int64_t)p->len;
        }
    }
    chain_fini(&in);
    source_close(body);
    return rc == RC_OK && result == PULL_END;
}

/* The body's file, or a new one where there is none. */
static bool take_body(struct request *r, struct dav_job *job)
{
    char name[4096];

    job->body_name = body_take_file(r, &job->body);
    if (job->body_name != NULL)
        return true;
    job->body = temp_file_open_named(HTTP_CORE(r)->client_body_temp, &r->log, name, sizeof(name));
    if (job->body < 0)
        return false;
    job->body_name = strcpy(pool_malloc(strlen(name) + 1), name);
    return write_body(r, job->body);
}

static int64_t date_of(struct request *r)
{
    int64_t date;

    if (http_date_parse(fields_value(r->fields, FIELD_DATE), &date) ||
        http_date_parse(fields_value(r->fields, FIELD_LAST_MODIFIED), &date))
        return date;
    return -1;
}

/* Comes here again for each part of the body: nothing may be allocated before that is all there. */
static enum verdict put(struct request *r)
{
    struct dav_work *work;
    struct dav_place at;

    if (request_names_directory(r))
        return refuse(r, 409, "cannot PUT to a collection");
    if (fields_has(r->fields, FIELD_CONTENT_RANGE))
        return refuse(r, 501, "PUT with range is unsupported");
    body_want_file(r);
    switch (body_read_all(r)) {
    case RC_AGAIN:
        return WAIT_EVENT;
    case RC_ERROR:
        return request_fail(r, r->body->status, body_fail_reason(r));
    case RC_OK:
        break;
    }
    if (find_place(r, r->uri, &at) != 0)
        return request_fail(r, 404, "file.missing");
    work = new_work(r, DAV_PUT, &at, &(struct dav_place){.path = STR("")});
    if (!r->ops->dry && !take_body(r, &work->job)) {
        work->ended = true;
        return request_fail(r, 500, "body.storage");
    }
    work->job.mtime_s = date_of(r);
    return begin(r, work);
}

/* DELETE and MKCOL */

/* As many names as that must be in the uri. */
static bool is_deep_enough(struct str uri, int64_t depth)
{
    int64_t slashes = 0;

    for (size_t i = 0; i + 1 < uri.len; i++)
        if (uri.data[i] == '/' && ++slashes >= depth)
            return true;
    return depth == 0;
}

static enum verdict delete(struct request *r, const struct dav_place *at)
{
    struct dav_work *work;

    if (has_body(r))
        return refuse(r, 415, "DELETE with body is unsupported");
    if (!is_deep_enough(r->uri, CONF_OF(r)->delete_depth))
        return refuse(r, 409, "insufficient URI depth to DELETE");
    work = new_work(r, DAV_DELETE, at, &(struct dav_place){.path = STR("")});
    work->job.depth = depth_of(r);
    return begin(r, work);
}

static enum verdict make_collection(struct request *r, const struct dav_place *at)
{
    if (has_body(r))
        return refuse(r, 415, "MKCOL with body is unsupported");
    if (!at->collection)
        return refuse(r, 409, "MKCOL can create a collection only");
    return begin(r, new_work(r, DAV_MKCOL, at, &(struct dav_place){.path = STR("")}));
}

/* COPY and MOVE */

/* What is behind scheme and host, which must be this server's. STR_NONE: it is not. */
static struct str path_of_destination(const struct request *r, struct str destination)
{
    struct str scheme = r->tls ? STR("https://") : STR("http://");
    ssize_t slash;

    if (destination.len > 0 && destination.data[0] == '/')
        return destination;
    if (r->host.len == 0 || !str_starts_nocase(destination, scheme))
        return STR_NONE;
    destination = str_from(destination, scheme.len);
    if (!str_starts_nocase(destination, r->host))
        return STR_NONE;
    destination = str_from(destination, r->host.len);
    slash = str_find(destination, '/');
    return slash < 0 ? STR_NONE : str_from(destination, (size_t)slash);
}

/* The uri that the Destination names, decoded. One with ".." in it is refused, wherever that leads.
   Where `alias` replaces the location's name it must begin with that. */
static bool read_destination(struct request *r, struct str *out)
{
    struct str text = fields_value(r->fields, FIELD_DESTINATION);
    int64_t alias = HTTP_CORE(r)->alias_len;
    struct str path = path_of_destination(r, text);
    struct uri uri;

    if (path.data != NULL && uri_is_safe(unescape(request_pool(r), path, UNESCAPE_ALL)) &&
        uri_parse(&uri, path, HTTP_CORE(r)->merge_slashes, request_pool(r)) == URI_OK &&
        (alias <= 0 || ((int64_t)uri.path.len >= alias && (int64_t)r->uri.len >= alias &&
                        memcmp(uri.path.data, r->uri.data, (size_t)alias) == 0))) {
        *out = uri.path;
        return true;
    }
    log_error(&r->log, LOG_ERROR, 0, "client sent invalid \"Destination\" header: \"%" STR_FMT
              "\"", STR_ARG(text));
    return false;
}

static bool read_overwrite(struct request *r, bool *overwrite)
{
    struct str value = fields_value(r->fields, FIELD_OVERWRITE);

    *overwrite = value.data == NULL || str_eq_nocase(value, STR("t"));
    if (*overwrite || str_eq_nocase(value, STR("f")))
        return true;
    log_error(&r->log, LOG_ERROR, 0, "client sent invalid \"Overwrite\" header: \"%" STR_FMT "\"",
              STR_ARG(value));
    return false;
}

static bool is_depth_allowed(enum dav_op op, enum dav_depth depth)
{
    return depth == DAV_INFINITE || (op == DAV_COPY && depth == DAV_ZERO);
}

static enum verdict transfer(struct request *r, enum dav_op op, const struct dav_place *at)
{
    enum dav_depth depth;
    struct dav_work *work;
    struct dav_place to;
    struct str uri;
    bool overwrite;

    if (has_body(r))
        return refuse(r, 415, "COPY and MOVE with body are unsupported");
    if (!fields_has(r->fields, FIELD_DESTINATION))
        return refuse(r, 400, "client sent no \"Destination\" header");
    if (!read_destination(r, &uri))
        return request_fail(r, 400, "dav.destination");
    if (at->collection != (uri.data[uri.len - 1] == '/'))
        return refuse(r, 409, "both URI and \"Destination\" URI should be either collections or "
                              "non-collections");
    depth = depth_of(r);
    if (!is_depth_allowed(op, depth))
        return refuse(r, 400, op == DAV_COPY ? "\"Depth\" header must be 0 or infinity"
                                             : "\"Depth\" header must be infinity");
    if (!read_overwrite(r, &overwrite))
        return request_fail(r, 400, "dav.overwrite");
    if (find_place(r, uri, &to) != 0)
        return request_fail(r, 404, "file.missing");
    work = new_work(r, op, at, &to);
    work->job.depth = depth;
    work->job.overwrite = overwrite;
    return begin(r, work);
}

static enum verdict handle(struct request *r)
{
    struct dav_ctx *ctx;
    struct dav_place at;

    if (likely((CONF_OF(r)->methods & METHOD_BIT(r->method)) == 0))
        return GO_ON;
    ctx = request_ctx_find(r, dav_index);
    if (ctx != NULL && ctx->work != NULL)
        return ctx->work->ended ? finish(r, ctx) : WAIT_EVENT;
    if (r->method == METHOD_PUT)
        return put(r);
    if (find_place(r, r->uri, &at) != 0)
        return request_fail(r, 404, "file.missing");
    switch (r->method) {
    case METHOD_DELETE:
        return delete(r, &at);
    case METHOD_MKCOL:
        return make_collection(r, &at);
    case METHOD_COPY:
        return transfer(r, DAV_COPY, &at);
    default:
        return transfer(r, DAV_MOVE, &at);
    }
}

/* Configuration -------------------------------------------------------------------------------- */

static bool set_access(struct conf_call *call)
{
    return file_mode_load(call, &((struct dav_conf *)call->conf)->access);
}

static const struct word method_words[] = {
    {"off", 0}, {"put", METHOD_BIT(METHOD_PUT)}, {"delete", METHOD_BIT(METHOD_DELETE)},
    {"mkcol", METHOD_BIT(METHOD_MKCOL)}, {"copy", METHOD_BIT(METHOD_COPY)},
    {"move", METHOD_BIT(METHOD_MOVE)}, {NULL, 0}};

static const struct directive directives[] = {
    {.name = "dav_methods", .where = IN_WEB, .args = "off|put|delete|mkcol|copy|move...",
     .value = VALUE_BITS, .words = method_words, .field = F(methods), .initial = "off",
     .doc = "Which WebDAV methods clients may use. A file that is put is seen when it has come "
            "whole; COPY, MOVE and DELETE of collections are done in a thread."},
    {.name = "create_full_put_path", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(full_put_path), .initial = "off",
     .doc = "Make the directories on the way to a file that is put, where they are not there."},
    {.name = "min_delete_depth", .where = IN_WEB, .args = "number", .value = VALUE_INT,
     .field = F(delete_depth), .initial = "0",
     .doc = "DELETE only what has at least so many names in its path."},
    {.name = "dav_access", .where = IN_WEB, .args = "users:permissions ...", .apply = set_access,
     .initial = "user:rw",
     .doc = "Permissions of new files: r or rw for user, group and all. Directories can be "
            "searched by whom may read."},
};

const struct module dav_module = {
    .name = "dav", .nginx_name = "http_dav_module",
    .doc = "Files written, made, copied, moved and removed by clients.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct dav_conf),
    .phase = PHASE_CONTENT, .handler = handle, .index = &dav_index,
    .idle_without = &dav_module,
};
