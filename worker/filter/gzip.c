/*
 * worker/filter/gzip.c - responses compressed on their way.
 *
 * The compressing source pulls from the body below as the client takes what it makes. When the body
 * has nothing for a moment, what was compressed so far is flushed, so that the beginning of a slow
 * answer is not held back.
 */
#include "worker/filter/gzip.h"

#include "common/buf.h"
#include "worker/event/timer.h"
#include "worker/filter/deflater.h"
#include "worker/http/gzip_ok.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/type_set.h"

#define OUT_BYTES  (16 * 1024)
#define PULL_BYTES (64 * 1024)
#define FLUSH_MS   5            /* a pause of the body that is worth a flush */

static uint32_t gzip_index;

struct gzip_conf {
    bool on;
    int64_t level;
    int64_t min_length;
    struct type_set *types;
    struct buf_count ignored_buffers;
};

struct gzip_ctx {
    uint64_t in, out;           /* bytes, for $gzip_ratio */
};

enum gzip_state { GZIP_FEED, GZIP_FLUSH, GZIP_FINISH, GZIP_DONE };

struct gzip_source {
    struct source source;
    struct source *body;
    struct deflater *deflater;  /* NULL once it is given back */
    struct gzip_ctx *ctx;
    struct log *log;
    struct chain in;            /* pulled, not yet compressed */
    struct buf out;
    struct timer pause;
    enum gzip_state state;
    bool unflushed;             /* something went in since the last flush */
    bool flush_due;
    bool ended;                 /* the body has no more */
};

/* The body ------------------------------------------------------------------------------------- */

static enum pull fill_in(struct gzip_source *s)
{
    enum pull result;

    s->body->waiter = s->source.waiter;
    s->body->file_ok = false;
    result = source_pull(s->body, &s->in, PULL_BYTES);
    s->ended = result == PULL_END;
    if (result != PULL_WAIT) {
        timer_cancel(&s->pause);
        s->flush_due = false;
    }
    return result;
}

/* One call of zlib; false when it fails. */
static bool run(struct gzip_source *s, int flush)
{
    z_stream *z = &s->deflater->z;
    struct piece *piece = chain_empty(&s->in) ? NULL : chain_head(&s->in);
    size_t before = (size_t)(s->out.end - s->out.last);
    int rc;

    z->next_in = piece == NULL ? NULL : (Bytef *)(uintptr_t)piece->data;
    z->avail_in = piece == NULL ? 0 : (uInt)piece->len;
    z->next_out = (Bytef *)s->out.last;
    z->avail_out = (uInt)before;
    rc = deflate(z, flush);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        log_error(s->log, LOG_ALERT, 0, "deflate() failed: %d", rc);
        return false;
    }
    if (piece != NULL) {
        size_t taken = piece->len - z->avail_in;

        s->ctx->in += taken;
        s->unflushed |= taken > 0;
        chain_consume(&s->in, taken);
    }
    s->ctx->out += before - z->avail_out;
    s->out.last += before - z->avail_out;
    if (rc == Z_STREAM_END)
        s->state = GZIP_DONE;
    return true;
}

static void on_pause(struct timer *timer)
{
    struct gzip_source *s = CONTAINER(timer, struct gzip_source, pause);

    s->flush_due = true;
    source_wake(&s->source);
}

static enum rc pause_feeding(struct gzip_source *s)
{
    if (s->unflushed && s->flush_due) {
        s->flush_due = false;
        s->state = GZIP_FLUSH;
        return RC_OK;
    }
    if (s->unflushed && !timer_is_set(&s->pause))
        timer_set(&s->pause, FLUSH_MS);
    return RC_AGAIN;
}

/* Nothing to compress now. RC_AGAIN: nothing to say either. */
static enum rc next_input(struct gzip_source *s)
{
    switch (s->ended ? PULL_END : fill_in(s)) {
    case PULL_MORE:
        return RC_OK;
    case PULL_END:
        if (chain_empty(&s->in))
            s->state = GZIP_FINISH;
        return RC_OK;
    case PULL_WAIT:
        return pause_feeding(s);
    case PULL_ERROR:
        break;
    }
    return RC_ERROR;
}

/* Compresses until the buffer is full or there is nothing to do. */
static enum rc fill_out(struct gzip_source *s)
{
    static const int flush[] = {[GZIP_FEED] = Z_NO_FLUSH, [GZIP_FLUSH] = Z_SYNC_FLUSH,
                                [GZIP_FINISH] = Z_FINISH};
    enum rc rc;

    while (s->state != GZIP_DONE && buf_room(&s->out) > 0) {
        if (s->state == GZIP_FEED && chain_empty(&s->in) && (rc = next_input(s)) != RC_OK)
            return rc;
        if (s->state == GZIP_FEED && chain_empty(&s->in))
            continue;
        if (!run(s, flush[s->state]))
            return RC_ERROR;
        if (s->state == GZIP_FLUSH && buf_room(&s->out) > 0) { /* all of it is out */
            s->state = GZIP_FEED;
            s->unflushed = false;
            if (buf_used(&s->out) > 0)
                return RC_OK;
        }
    }
    return RC_OK;
}

static void give_deflater_back(struct gzip_source *s)
{
    if (s->deflater != NULL)
        deflater_give(s->deflater);
    s->deflater = NULL;
}

static enum pull pull(struct source *source, struct chain *out, size_t max)
{
    struct gzip_source *s = CONTAINER(source, struct gzip_source, source);
    size_t len;
    enum rc rc;

    if (s->out.start == NULL)
        buf_take(&s->out, OUT_BYTES);
    if (buf_used(&s->out) == 0) {
        s->out.pos = s->out.last = s->out.start;
        rc = s->state == GZIP_DONE ? RC_OK : fill_out(s);
        if (rc == RC_ERROR)
            return PULL_ERROR;
    }
    len = MIN(buf_used(&s->out), max);
    chain_add(out, s->out.pos, len);
    s->out.pos += len;
    if (s->state == GZIP_DONE && buf_used(&s->out) == 0) {
        give_deflater_back(s);
        return PULL_END;
    }
    return len > 0 ? PULL_MORE : PULL_WAIT;
}

static void close_all(struct source *source)
{
    struct gzip_source *s = CONTAINER(source, struct gzip_source, source);

    timer_cancel(&s->pause);
    give_deflater_back(s);
    chain_fini(&s->in);
    buf_give(&s->out);
    source_close(s->body);
}

static const struct source_ops gzip_ops = {.name = "gzip", .pull = pull, .close = close_all};

/* The head ------------------------------------------------------------------------------------- */

static bool is_compressible(struct request *r, const struct gzip_conf *conf)
{
    const struct response *out = &r->out;

    return conf->on && (out->status == 200 || out->status == 403 || out->status == 404) &&
           !representation_is_encoded(r) &&
           (out->length < 0 || out->length >= conf->min_length) &&
           type_set_has(conf->types, out->type);
}

/* A small body needs no window beyond itself. */
static struct deflater *take_deflater(const struct gzip_conf *conf, int64_t length)
{
    int window_bits = MAX_WBITS, memory_level = MAX_MEM_LEVEL - 1;

    if (length > 0) {
        while (length < (1 << (window_bits - 1)) - 262) {
            window_bits--;
            memory_level = MAX(memory_level - 1, 1);
        }
    }
    return deflater_take((int)conf->level, window_bits, memory_level);
}

static bool compress_body(struct request *r, const struct gzip_conf *conf)
{
    struct deflater *deflater = take_deflater(conf, r->out.length);
    struct gzip_source *s;

    if (deflater == NULL) {
        log_error(&r->log, LOG_ALERT, 0, "no memory to compress with");
        return false;
    }
    s = pool_zalloc(request_pool(r), sizeof(*s));
    s->source = (struct source){.ops = &gzip_ops, .length = -1, .file_ok = true};
    s->body = r->out.body != NULL ? r->out.body : source_empty();
    s->pause.on_timer = on_pause;
    s->deflater = deflater;
    s->ctx = request_ctx(r, gzip_index, sizeof(*s->ctx));
    s->log = &r->log;
    chain_init(&s->in);
    r->out.body = &s->source;
    return true;
}

static void filter(struct request *r)
{
    const struct gzip_conf *conf = REQUEST_CONF(r, gzip_index, struct gzip_conf);

    if (!is_compressible(r, conf))
        return;
    gzip_ok_varies(r);
    if (!gzip_ok(r) || (!r->header_only && !r->ops->dry && !compress_body(r, conf)))
        return;
    r->out.encoding = STR("gzip");
    representation_changes(r);
}

/* Two digits behind the point, rounded. */
static void get_ratio(struct scope *scope, struct var_value *out, uintptr_t data)
{
    const struct request *r = CONTAINER(scope, struct request, scope);
    const struct gzip_ctx *ctx = request_ctx_find(r, gzip_index);
    uint64_t hundredths;

    if (ctx == NULL || ctx->out == 0) {
        var_missing(out);
        return;
    }
    hundredths = (ctx->in * 1000 / ctx->out + 5) / 10;
    var_found(out, pool_printf(scope->pool, "%llu.%02llu", (unsigned long long)hundredths / 100,
                               (unsigned long long)hundredths % 100));
}

static bool set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct gzip_conf *)call->conf)->types);
}

#define F(member) FIELD(struct gzip_conf, member)

static const struct directive directives[] = {
    {.name = "gzip", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG, .field = F(on),
     .initial = "off", .doc = "Compress responses on their way."},
    {.name = "gzip_types", .where = IN_WEB, .args = "mime-type ...", .apply = set_types,
     .field = F(types), .repeat = true,
     .doc = "Types to compress beside text/html; * is any."},
    {.name = "gzip_comp_level", .where = IN_WEB, .args = "level", .value = VALUE_INT,
     .field = F(level), .min = 1, .max = 9, .initial = "1",
     .doc = "How hard to try: 1 is fastest, 9 smallest."},
    {.name = "gzip_min_length", .where = IN_WEB, .args = "length", .value = VALUE_SIZE,
     .field = F(min_length), .initial = "20",
     .doc = "Responses known to be shorter are left alone."},
    {.name = "gzip_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(ignored_buffers), .notice = "one buffer is filled as fast as the client takes it",
     .doc = "Accepted for compatibility: one buffer is filled as fast as the client takes it."},
};

static const struct var_def variables[] = {
    {.name = "gzip_ratio", .get = get_ratio, .flags = VAR_NO_CACHE},
};

const struct module gzip_module = {
    .name = "gzip", .nginx_name = "http_gzip_module",
    .doc = "Responses compressed on their way.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct gzip_conf),
    .variables = TABLE(variables),
    .filter = filter, .worker_stop = deflater_drop_idle, .index = &gzip_index,
};
