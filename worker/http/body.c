/*
 * worker/http/body.c - the request's body: read once from the wire, readable many times.
 *
 * A body that came whole with its head stays where it is. Any other goes to a spool.
 */
#include "worker/http/body.h"

#include <errno.h>
#include <fcntl.h>

#include "worker/http/http_core.h"
#include "worker/http/wire.h"
#include "worker/net/spool.h"

#define READ_BYTES (64 * 1024)
#define TURN_BYTES (2 << 20)   /* read for one request before others have a turn */

static void on_news(struct post *post)
{
    request_resume(CONTAINER(post, struct request_body, post)->request);
}

static void end_body(void *arg)
{
    struct request_body *body = arg;

    post_cancel(&body->post);
    source_close(body->wire);
    if (body->spool != NULL)
        spool_drop(body->spool);
}

void body_init(struct request *r)
{
    r->body = pool_zalloc(request_pool(r), sizeof(*r->body));
    r->body->request = r;
    r->body->post.run = on_news;
    pool_on_destroy(request_pool(r), end_body, r->body);
}

void body_share(struct request *copy, const struct request_body *body)
{
    if (body == NULL || !body->complete || body->flow.ops != NULL)
        return;
    body_init(copy);
    copy->body->complete = true;
    copy->body->received = body->received;
    copy->body->spool = body->spool;
    if (body->spool != NULL)
        spool_hold(body->spool);
    else if (body->in_place.len > 0)
        copy->body->in_place = pool_str(request_pool(copy), body->in_place);
}

/* True if so many bytes are allowed here. */
static bool within_limit(struct request *r, int64_t bytes)
{
    int64_t limit = HTTP_CORE(r)->client_max_body_bytes;

    return limit == 0 || bytes <= limit;
}

enum rc body_check_limit(struct request *r)
{
    if (r->body == NULL || r->content_length < 0 || within_limit(r, r->content_length))
        return RC_OK;
    log_error(&r->log, LOG_ERROR, 0, "client intended to send too large body: %lld bytes",
              (long long)r->content_length);
    r->body->failed = true;
    r->body->status = 413;
    return RC_ERROR;
}

/* The wire may have said already what the answer is (408). */
static enum rc fail(struct request_body *body, uint16_t status)
{
    body->failed = true;
    if (body->status == 0)
        body->status = status;
    if (body->spool != NULL)
        spool_fail(body->spool);
    return RC_ERROR;
}

void body_timed_out(struct request *r)
{
    log_error(&r->log, LOG_INFO, ETIMEDOUT, "client timed out while reading the request body");
    if (r->body != NULL)
        r->body->status = 408;
}

const char *body_fail_reason(const struct request *r)
{
    switch (r->body->status) {
    case 408:
        return "body.timeout";
    case 413:
        return "body.too_large";
    case 500:
        return "body.storage";
    default:
        return "body.malformed";
    }
}

static enum rc count(struct request_body *body, size_t bytes)
{
    body->received += (int64_t)bytes;
    if (within_limit(body->request, body->received))
        return RC_OK;
    log_error(&body->request->log, LOG_ERROR, 0,
              "client intended to send too large chunked body: %lld bytes",
              (long long)body->received);
    return fail(body, 413);
}

/* For the sake of one that is but a little longer no file is made. */
static int64_t memory_for(const struct http_core_conf *conf, int64_t length)
{
    int64_t most = conf->client_body_buffer_bytes;

    return length > most && length - most <= most / 4 ? length : most;
}

static struct spool *new_spool(struct request *r)
{
    const struct http_core_conf *conf = HTTP_CORE(r);
    bool in_file = conf->client_body_in_file_only != 0 || r->body->in_file;
    struct spool_limits limits = {
        .memory_bytes = (size_t)memory_for(conf, r->content_length),
        .file_bytes = INT64_MAX,
        .temp = conf->client_body_temp,
        .length = r->content_length,
        .keep = true,
        .whole_file = true,
        .file_only = in_file,
        .file_named = in_file,
        .file_left = conf->client_body_in_file_only == 1,
    };

    return spool_create(&limits, &r->log);
}

/* All in one piece and nothing to come: the wire's memory will do for the life of the request. */
static bool keep_in_place(struct request_body *body, struct chain *in)
{
    if (body->spool != NULL || in->count != 1 || chain_head(in)->kind != PIECE_MEMORY ||
        HTTP_CORE(body->request)->client_body_in_file_only != 0 || body->in_file)
        return false;
    body->in_place = (struct str){chain_head(in)->data, chain_head(in)->len};
    return true;
}

static enum rc store(struct request_body *body, struct chain *in, enum pull pulled)
{
    if (count(body, in->bytes) != RC_OK)
        return RC_ERROR;
    if (pulled == PULL_END && keep_in_place(body, in)) {
        body->complete = true;
        return RC_OK;
    }
    if (body->spool == NULL)
        body->spool = new_spool(body->request);
    if (in->bytes > 0 && spool_add_chain(body->spool, in) == RC_ERROR)
        return fail(body, 500);
    if (pulled == PULL_END) {
        spool_finish(body->spool);
        body->complete = true;
    }
    return RC_OK;
}

static enum rc read_some(struct request_body *body)
{
    struct chain in;
    enum pull pulled;
    enum rc rc = RC_AGAIN;

    chain_init(&in);
    body->wire->waiter = &body->post;
    pulled = source_pull(body->wire, &in, READ_BYTES);
    if (pulled == PULL_ERROR)
        rc = fail(body, 400);
    else if (pulled != PULL_WAIT)
        rc = store(body, &in, pulled);
    chain_fini(&in);
    return rc;
}

enum rc body_read_all(struct request *r)
{
    struct request_body *body = r->body;
    enum rc rc = RC_OK;
    int64_t most;

    if (body == NULL || body->complete || r != r->main)
        return RC_OK;
    if (body->failed)
        return RC_ERROR;
    if (body->wire == NULL && (body->wire = r->wire->body(r)) == NULL) {
        body->complete = true;
        return RC_OK;
    }
    most = body->received + TURN_BYTES;
    while (rc == RC_OK && !body->complete && body->received < most)
        rc = read_some(body);
    if (rc != RC_OK || body->complete)
        return rc;
    post_turn_end(&body->post);
    return RC_AGAIN;
}

void body_want_file(struct request *r)
{
    if (r->body != NULL)
        r->body->in_file = true;
}

char *body_take_file(struct request *r, int *fd)
{
    if (r->body == NULL || r->body->spool == NULL || spool_file_name(r->body->spool) == NULL)
        return NULL;
    *fd = fcntl(spool_file(r->body->spool), F_DUPFD_CLOEXEC, 0);
    return *fd < 0 ? NULL : spool_take_name(r->body->spool);
}

/* A subrequest sees its main request's body only when that has been read. */
static bool is_there(const struct request *r)
{
    return r->body != NULL && (r->body->complete || r == r->main);
}

struct source *body_source(struct request *r)
{
    struct request_body *body = r->body;

    if (!is_there(r))
        return source_empty();
    if (body->spool != NULL)
        return spool_read(body->spool);
    return body->in_place.len > 0 ? source_memory(request_pool(r), body->in_place)
                                  : source_empty();
}

int64_t body_length(const struct request *r)
{
    if (!is_there(r))
        return 0;
    return r->body->complete ? r->body->received : r->content_length;
}

/* Flowing -------------------------------------------------------------------------------------- */

static enum pull pull_limited(struct source *source, struct chain *out, size_t max)
{
    struct request_body *body = CONTAINER(source, struct request_body, flow);
    size_t before = out->bytes;
    enum pull pulled;

    if (body->failed)
        return PULL_ERROR;
    body->wire->waiter = source->waiter;
    pulled = source_pull(body->wire, out, max);
    if (pulled == PULL_ERROR)
        fail(body, 400);
    else if (count(body, out->bytes - before) != RC_OK)
        return PULL_ERROR;
    body->complete = pulled == PULL_END;
    return pulled;
}

static void close_flow(struct source *source)
{
    struct request_body *body = CONTAINER(source, struct request_body, flow);

    if (body->wire != NULL)
        body->wire->waiter = NULL;
}

static const struct source_ops flow_ops = {
    .name = "body flow", .pull = pull_limited, .close = close_flow,
};

struct source *body_stream(struct request *r)
{
    struct request_body *body = r->body;

    if (!is_there(r) || body->spool != NULL || body->complete)
        return body_source(r);
    if (body->wire == NULL && (body->wire = r->wire->body(r)) == NULL) {
        body->complete = true;
        return source_empty();
    }
    body->flow = (struct source){.ops = &flow_ops, .length = r->content_length, .file_ok = true};
    return &body->flow;
}

struct str body_in_memory(struct request *r)
{
    struct request_body *body = r->body;

    if (body == NULL || !body->complete)
        return STR_NONE;
    if (body->spool != NULL)
        return spool_text(body->spool, request_pool(r));
    return body->in_place.data == NULL ? STR("") : body->in_place;
}

struct str body_file_name(struct request *r)
{
    const char *name = r->body == NULL || r->body->spool == NULL ? NULL
                                                                 : spool_file_name(r->body->spool);

    return name == NULL ? STR_NONE : str_of(name);
}
