/*
 * worker/handler/mp4.c - MP4 videos between two times: ?start=SECONDS&end=SECONDS.
 *
 * What is sent is a file of its own: an index made for it, before the media data that it needs. The
 * index is read and made in a thread.
 */
#include "worker/handler/mp4.h"

#include <stdlib.h>

#include "common/conf_load.h"
#include "worker/codec/uri.h"
#include "worker/handler/mp4_job.h"
#include "worker/handler/static_file.h"
#include "worker/http/file_access.h"

static uint32_t mp4_index;

struct mp4_conf {
    const struct conf_node *on; /* where it stands; NULL: off */
    int64_t index_most;
    int64_t ignored_bytes;
    bool from_key;
};

struct mp4_ctx {
    struct mp4_job *job;        /* runs, or has ended and was not looked at; NULL: none */
    bool done;
};

/* What is asked for ---------------------------------------------------------------------------- */

/* Seconds with a fraction, to the millisecond: the rest is cut off. False if it is none. */
static bool read_ms(struct str text, uint64_t *ms)
{
    unsigned fraction = 0;
    bool dot = false;

    *ms = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '.' && !dot) {
            dot = true;
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9' || *ms > INT64_MAX / 10000)
            return false;
        if (fraction == 3)
            continue;
        *ms = *ms * 10 + (uint64_t)(text.data[i] - '0');
        fraction += dot;
    }
    for (; fraction < 3; fraction++)
        *ms *= 10;
    return text.len > 0;
}

/* False: all of the file. */
static bool read_part(const struct request *r, struct mp4_part *part)
{
    struct str value;
    uint64_t end;
    bool asked = uri_arg(r->args, STR("start"), &value) && read_ms(value, &part->start_ms);

    if (!asked)
        part->start_ms = 0;
    part->length_ms = 0;
    if (!uri_arg(r->args, STR("end"), &value) || !read_ms(value, &end) || end == 0)
        return asked;
    if (end > part->start_ms)
        part->length_ms = end - part->start_ms;
    return true;
}

/* The job -------------------------------------------------------------------------------------- */

static void destroy(struct mp4_job *job)
{
    if (job->file != NULL)
        file_cache_drop(job->file);
    free(job->head);
    free(job);
}

static void work(struct task *task)
{
    mp4_job_work(CONTAINER(task, struct mp4_job, task));
}

static void done(struct task *task)
{
    struct mp4_job *job = CONTAINER(task, struct mp4_job, task);
    struct mp4_ctx *ctx;

    if (job->request == NULL) {
        destroy(job);
        return;
    }
    ctx = request_ctx_find(job->request, mp4_index);
    ctx->done = true;
    request_resume(job->request);
}

/* The request ends: a job that runs is on its own. */
static void forget(void *arg)
{
    struct mp4_ctx *ctx = arg;

    if (ctx->job != NULL && !ctx->done)
        ctx->job->request = NULL;
    else if (ctx->job != NULL)
        destroy(ctx->job);
    ctx->job = NULL;
}

static enum verdict begin(struct request *r, struct cached_file *file, const struct mp4_part *part)
{
    const struct mp4_conf *conf = REQUEST_CONF(r, mp4_index, struct mp4_conf);
    struct mp4_ctx *ctx = request_ctx(r, mp4_index, sizeof(*ctx));
    struct mp4_job *job = calloc(1, sizeof(*job));

    if (job == NULL) {
        file_cache_drop(file);
        return request_fail(r, 500, "file.error");
    }
    *ctx = (struct mp4_ctx){.job = job};
    pool_on_destroy(request_pool(r), forget, ctx);
    job->task = (struct task){.work = work, .done = done};
    job->request = r;
    job->file = file;
    job->part = *part;
    job->part.from_key = conf->from_key;
    job->index_most = (uint64_t)conf->index_most;
    if (file->content == NULL && threads_submit(file_access_threads(r), &job->task) == RC_OK)
        return WAIT_EVENT;
    mp4_job_work(job);
    ctx->done = true;
    return WAIT_EVENT;
}

/* Answers -------------------------------------------------------------------------------------- */

static enum verdict send_whole(struct request *r, struct cached_file *file)
{
    static_file_describe(r, file);
    r->out.accept_ranges = true;
    r->out.length = file->bytes;
    r->out.body = file_access_source(r, file, 0, file->bytes);
    return ANSWERED;
}

static enum verdict send_part(struct request *r, struct mp4_job *job, struct cached_file *file)
{
    struct source *parts[2];

    pool_on_destroy(request_pool(r), free, job->head);
    static_file_describe(r, file);
    r->out.accept_ranges = r->out.single_range = true;
    parts[0] = source_memory(request_pool(r), (struct str){job->head, job->head_len});
    job->head = NULL;
    parts[1] = file_access_source(r, file, (int64_t)job->first, (int64_t)(job->end - job->first));
    r->out.body = source_joined(request_pool(r), parts, 2);
    r->out.length = r->out.body->length;
    return ANSWERED;
}

static enum verdict finish(struct request *r, struct mp4_ctx *ctx)
{
    struct mp4_job *job = ctx->job;
    struct cached_file *file = job->file;
    enum verdict answer;

    ctx->job = NULL;
    if (job->outcome == MP4_FAILED) {
        log_error(&r->log, LOG_ERROR, job->err, "mp4 file \"%" STR_FMT "\": %s",
                  STR_ARG(file->path), job->why);
        answer = request_fail(r, 500, "file.error");
    } else {
        job->file = NULL;
        answer = job->outcome == MP4_PART ? send_part(r, job, file) : send_whole(r, file);
    }
    destroy(job);
    return answer;
}

static enum verdict serve(struct request *r)
{
    struct mp4_ctx *ctx = request_ctx_find(r, mp4_index);
    struct cached_file *file;
    struct mp4_part part;
    enum verdict answer;

    if (REQUEST_CONF(r, mp4_index, struct mp4_conf)->on == NULL)
        return GO_ON;
    if (ctx != NULL && ctx->job != NULL)
        return ctx->done ? finish(r, ctx) : WAIT_EVENT;
    if (r->method != METHOD_GET && r->method != METHOD_HEAD)
        return request_fail(r, 405, "request.method");
    file = static_file_open(r, &answer);
    if (file == NULL)
        return answer;
    if (!read_part(r, &part))
        return send_whole(r, file);
    answer = begin(r, file, &part);
    ctx = request_ctx_find(r, mp4_index);
    return answer == WAIT_EVENT && ctx->done ? finish(r, ctx) : answer;
}

static bool set_on(struct conf_call *call)
{
    ((struct mp4_conf *)call->conf)->on = call->node;
    return true;
}

#define F(member) FIELD(struct mp4_conf, member)

static const struct directive directives[] = {
    {.name = "mp4", .where = IN_LOCATION, .args = "", .apply = set_on, .local = true,
     .into_if = true, .field = F(on),
     .doc = "Send MP4 videos from ?start=SECONDS on, and up to end=SECONDS."},
    {.name = "mp4_max_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(index_most), .initial = "10m",
     .doc = "The largest index (moov) of a file that is read into memory."},
    {.name = "mp4_buffer_size", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(ignored_bytes), .notice = "what is read is as large as the index is",
     .doc = "Accepted for compatibility: what is read is as large as the index is."},
    {.name = "mp4_start_key_frame", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(from_key), .initial = "off",
     .doc = "Begin with a key frame, and have players hide what comes before the start."},
};

const struct module mp4_module = {
    .name = "mp4", .nginx_name = "http_mp4_module",
    .doc = "MP4 videos between two times.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct mp4_conf),
    .phase = PHASE_CONTENT, .handler = serve, .index = &mp4_index,
    .idle_without = &mp4_module,
};
