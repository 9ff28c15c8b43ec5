/*
 * worker/proxy/memcached.c - answers out of memcached: its directives and how it is asked.
 *
 * The key is the variable $memcached_key, which the configuration sets. A key that is not there
 * means 404, which is ours to answer or error_page's.
 */
#include "worker/proxy/memcached.h"

#include "common/generation.h"
#include "worker/codec/escape.h"
#include "worker/codec/memcache.h"
#include "worker/http/http_core.h"
#include "worker/proxy/origin_pass.h"
#include "worker/proxy/origin_rows.h"
#include "worker/proxy/proxy_run.h"

#define QUOTED 256 /* bytes at most that a line of the log shows */

struct memcached_conf {
    struct origin_conf origin;  /* first */
    uint32_t key;               /* the variable */
    int64_t gzip_flag;
};

uint32_t memcached_index;

static const struct memcached_conf *conf_of(const struct proxy_run *run)
{
    return (const struct memcached_conf *)(const void *)run->conf;
}

/* Talking -------------------------------------------------------------------------------------- */

static bool write_head(struct proxy_run *run)
{
    struct request *r = run->r;
    struct str key = var_str(scope_var(&r->scope, conf_of(run)->key));

    if (key.len == 0) {
        log_error(&r->log, LOG_ERROR, 0, "the \"$memcached_key\" variable is not set");
        return false;
    }
    run->memcached.key = escape(request_pool(r), key, ESCAPE_MEMCACHED);
    run->head_only = r->header_only;
    run->send_length = 0;
    buf_give(&run->head);
    buf_take(&run->head, run->memcached.key.len + MEMCACHE_GET_MORE);
    run->head.last = memcache_write_get(run->head.start, run->memcached.key);
    must(run->head.last <= run->head.end);
    return true;
}

static void reset(struct proxy_run *run)
{
    static const struct h1_limits limits;

    run->relay.in.pos = run->relay.in.last = run->relay.in.start;
    run->memcached.tail = 0;
    h1_head_init(&run->answer, H1_CGI, &limits, request_pool(run->r));
}

static enum head_result bad_head(struct proxy_run *run, const char *what)
{
    char text[QUOTED];

    log_error(&run->r->log, LOG_ERROR, 0, "memcached sent %s: \"%.*s\"", what,
              (int)log_escape(text, sizeof(text), buf_str(&run->relay.in)), text);
    return HEAD_BAD;
}

static enum head_result value_follows(struct proxy_run *run, const struct memcache_head *h)
{
    if (!str_eq(h->key, run->memcached.key))
        return bad_head(run, "invalid key in response");
    run->answer.status = 200;
    run->answer.content_length = run->left = h->length;
    run->memcached.gzipped = (h->flags & (uint64_t)conf_of(run)->gzip_flag) != 0;
    run->body_kind = run->head_only ? H1_BODY_NONE : H1_BODY_LENGTH;
    return HEAD_DONE;
}

static enum head_result not_found(struct proxy_run *run)
{
    char text[QUOTED];

    log_error(&run->r->log, LOG_INFO, 0, "key: \"%.*s\" was not found by memcached",
              (int)log_escape(text, sizeof(text), run->memcached.key), text);
    run->answer.status = 404;
    run->answer.content_length = run->left = 0;
    run->body_kind = H1_BODY_NONE;
    return HEAD_DONE;
}

static enum head_result read_head(struct proxy_run *run)
{
    struct buf *in = &run->relay.in;
    enum head_result result = HEAD_MORE;
    struct memcache_head h;

    switch (memcache_read(&h, buf_str(in))) {
    case MEMCACHE_MORE:
        if ((int64_t)buf_used(in) < run->conf->buffer_bytes)
            return HEAD_MORE;
        bad_head(run, "too long a response");
        return HEAD_TOO_BIG;
    case MEMCACHE_VALUE:
        result = value_follows(run, &h);
        run->reuse = !run->head_only;
        break;
    case MEMCACHE_MISS:
        result = not_found(run);
        run->reuse = true;
        break;
    case MEMCACHE_BAD:
        return bad_head(run, h.fault);
    }
    in->pos += h.bytes;
    return result;
}

/* What must stand behind the value. */
static enum decode_result read_tail(struct proxy_run *run, struct buf *b)
{
    static const struct str tail = STR_INIT(MEMCACHE_TAIL);
    size_t n = MIN(buf_used(b), tail.len - run->memcached.tail);

    if (memcmp(b->pos, tail.data + run->memcached.tail, n) != 0) {
        log_error(&run->r->log, LOG_ERROR, 0, "memcached sent invalid trailer");
        return DECODE_BAD;
    }
    b->pos += n;
    run->memcached.tail += n;
    return run->memcached.tail == tail.len ? DECODE_END : DECODE_MORE;
}

static enum decode_result decode(struct proxy_run *run, struct buf *b, struct chain *out)
{
    size_t n;

    if (run->body_kind == H1_BODY_NONE) {
        if (!run->reuse)
            b->pos = b->last;
        return DECODE_END;
    }
    n = (size_t)MIN((int64_t)buf_used(b), run->left);
    chain_add(out, b->pos, n);
    b->pos += n;
    run->left -= (int64_t)n;
    return run->left > 0 ? DECODE_MORE : read_tail(run, b);
}

static bool may_end(const struct proxy_run *run)
{
    return false;
}

/* The type is that of the name asked for, and parts can be had. */
static void fill(struct proxy_run *run)
{
    struct response *out = &run->r->out;

    out->no_default_type = false;
    out->type = http_core_type(HTTP_CORE(run->r), run->r->ext);
    out->accept_ranges = out->single_range = true;
    if (run->memcached.gzipped)
        out->encoding = STR("gzip");
}

static const struct proxy_codec codec = {
    .name = "memcached", .index = &memcached_index, .bad_body = "sent an invalid value",
    .own_404 = true, .target = origin_pass_target, .write_head = write_head, .reset = reset,
    .read_head = read_head, .decode = decode, .may_end = may_end, .fill = fill,
};

/* Directives ----------------------------------------------------------------------------------- */

static enum verdict pass_on(struct request *r)
{
    if (r->method != METHOD_GET && r->method != METHOD_HEAD)
        return request_fail(r, 405, "request.method");
    return proxy_run_request(r, &codec);
}

static bool set_pass(struct conf_call *call)
{
    static const struct origin_schemes schemes = {.plain = STR_INIT("memcached://")};
    struct memcached_conf *conf = call->conf;

    conf->key = var_use(&call->gen->http_vars, STR("memcached_key"));
    return origin_pass_load(call, &schemes, pass_on);
}

static bool scope_done(struct conf_call *call)
{
    static const char *const hidden[] = {NULL};
    struct memcached_conf *conf = call->conf;

    conf->origin.dial.keepalive = true;
    return origin_finish(call, hidden);
}

static const struct word next_words[] = {
    {"error", NEXT_ERROR}, {"timeout", NEXT_TIMEOUT}, {"invalid_response", NEXT_INVALID_HEADER},
    {"not_found", NEXT_404}, {"same", NEXT_SAME}, {"denied", NEXT_DENIED}, {"off", NEXT_OFF},
    {NULL, 0},
};

static const struct directive directives[] = {
    {.name = "memcached_pass", .where = IN_LOCATION | IN_LOCATION_IF, .args = "address",
     .field = ORIGIN(pass), .local = true, .into_if = true, .apply = set_pass,
     .doc = "Answers with what memcached has under the key $memcached_key: an upstream, host:port "
            "or unix:path."},
    {.name = "memcached_gzip_flag", .where = IN_WEB, .args = "flag", .value = VALUE_INT,
     .field = FIELD(struct memcached_conf, gzip_flag),
     .doc = "Values with one of these bits in their flags are gzipped."},
    ORIGIN_WAY_ROWS("memcached", "what ...", next_words),
};

const struct module memcached_module = {
    .name = "memcached", .nginx_name = "http_memcached_module",
    .doc = "Answers out of memcached.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
    .conf_size = sizeof(struct memcached_conf),
    .scope_done = scope_done,
    .index = &memcached_index,
};
