/*
 * worker/filter/gzip.c - responses compressed on their way.
 */
#include "worker/filter/gzip.h"

#include "common/conf_load.h"
#include "common/conf_value.h"
#include "worker/filter/compress.h"
#include "worker/filter/deflater.h"
#include "worker/filter/transform.h"
#include "worker/filter/zlib_step.h"

static uint32_t gzip_index;

struct gzip_conf {
    struct compress_conf compress;  /* first: compress_set_types */
    int64_t window_bits;
    int64_t memory_level;
    struct buf_count ignored_buffers;
    int64_t ignored_size;
    bool ignored_flag;
};

struct gzip {
    struct transform transform;
    struct deflater *deflater;
    struct compress_count *count;
    struct log *log;
};

/* The body ------------------------------------------------------------------------------------- */

static enum transform_step run(struct transform *t, struct str *in, struct buf *out,
                               enum transform_wish wish)
{
    static const int flush[] = {[TRANSFORM_GO] = Z_NO_FLUSH, [TRANSFORM_FLUSH] = Z_SYNC_FLUSH,
                                [TRANSFORM_FINISH] = Z_FINISH};
    struct gzip *g = CONTAINER(t, struct gzip, transform);
    size_t before = in->len, room = buf_room(out);
    int rc = zlib_step(deflate, &g->deflater->z, flush[wish], in, out);

    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        log_error(g->log, LOG_ALERT, 0, "deflate() failed: %d", rc);
        return TRANSFORM_FAILED;
    }
    g->count->in += before - in->len;
    g->count->out += room - buf_room(out);
    if (rc == Z_STREAM_END)
        return TRANSFORM_END;
    return buf_room(out) == 0 ? TRANSFORM_FULL : TRANSFORM_DONE;
}

static void give_deflater_back(struct transform *t)
{
    deflater_give(CONTAINER(t, struct gzip, transform)->deflater);
}

static const struct transform_ops gzip_ops = {
    .run = run, .fini = give_deflater_back, .holds_back = true};

/* A small body needs no window beyond itself. */
static struct deflater *take_deflater(const struct gzip_conf *conf, int64_t length)
{
    int window_bits = (int)conf->window_bits, memory_level = (int)conf->memory_level;

    if (length > 0) {
        while (length < (1 << (window_bits - 1)) - 262) {
            window_bits--;
            memory_level = MAX(memory_level - 1, 1);
        }
    }
    return deflater_take((int)conf->compress.level, window_bits, memory_level);
}

static bool compress_body(struct request *r)
{
    struct deflater *deflater =
        take_deflater(REQUEST_CONF(r, gzip_index, struct gzip_conf), r->out.length);
    struct gzip *g;

    if (deflater == NULL) {
        log_error(&r->log, LOG_ALERT, 0, "no memory to compress with");
        return false;
    }
    g = pool_zalloc(request_pool(r), sizeof(*g));
    g->deflater = deflater;
    g->count = request_ctx(r, gzip_index, sizeof(*g->count));
    g->log = &r->log;
    transform_init(&g->transform, r, &gzip_ops);
    return true;
}

static void filter(struct request *r)
{
    static const struct compressor gzip = {.coding = CODING_GZIP, .apply = compress_body};

    compress_offer(r, &REQUEST_CONF(r, gzip_index, struct gzip_conf)->compress, &gzip);
}

static void get_ratio(struct scope *scope, struct var_value *out, uintptr_t data)
{
    compress_ratio(scope, out,
                   request_ctx_find(CONTAINER(scope, struct request, scope), gzip_index));
}

/* Configuration -------------------------------------------------------------------------------- */

/* 512 bytes, or up to `most` times twice as much: how many times. False: none of them. */
static bool read_power(const struct conf_call *call, int64_t most, int64_t *power)
{
    int64_t bytes;

    if (!conf_size(conf_arg(call, 0), &bytes))
        return false;
    for (*power = 0; *power <= most; ++*power)
        if (bytes == (int64_t)512 << *power)
            return true;
    return false;
}

static bool set_window(struct conf_call *call)
{
    int64_t power;

    if (!read_power(call, 6, &power))
        return conf_fail_arg(call, 0, "must be 512, 1k, 2k, 4k, 8k, 16k, or 32k");
    ((struct gzip_conf *)call->conf)->window_bits = 9 + power;
    return true;
}

static bool set_hash(struct conf_call *call)
{
    int64_t power;

    if (!read_power(call, 8, &power))
        return conf_fail_arg(call, 0, "must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k");
    ((struct gzip_conf *)call->conf)->memory_level = 1 + power;
    return true;
}

#define F(member) FIELD(struct gzip_conf, member)

static const struct directive directives[] = {
    {.name = "gzip", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
     .field = F(compress.on), .initial = "off", .doc = "Compress responses on their way."},
    {.name = "gzip_types", .where = IN_WEB, .args = "mime-type ...", .apply = compress_set_types,
     .field = F(compress.types), .repeat = true,
     .doc = "Types to compress beside text/html; * is any."},
    {.name = "gzip_comp_level", .where = IN_WEB, .args = "level", .value = VALUE_INT,
     .field = F(compress.level), .min = 1, .max = 9, .initial = "1",
     .doc = "How hard to try: 1 is fastest, 9 smallest."},
    {.name = "gzip_min_length", .where = IN_WEB, .args = "length", .value = VALUE_SIZE,
     .field = F(compress.min_length), .initial = "20",
     .doc = "Responses known to be shorter are left alone."},
    {.name = "gzip_window", .where = IN_WEB, .args = "size", .apply = set_window, .initial = "32k",
     .doc = "How far back repetitions are looked for: 512 bytes to 32k."},
    {.name = "gzip_hash", .where = IN_WEB, .args = "size", .apply = set_hash, .initial = "64k",
     .doc = "How much memory finding them may take: 512 bytes to 128k."},
    {.name = "gzip_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(ignored_buffers), .notice = "one buffer is filled as fast as the client takes it",
     .doc = "Accepted for compatibility: one buffer is filled as fast as the client takes it."},
    {.name = "postpone_gzipping", .where = IN_WEB, .args = "size", .value = VALUE_SIZE,
     .field = F(ignored_size), .notice = "a response is compressed as fast as the client takes it",
     .doc = "Accepted for compatibility: a response is compressed as fast as the client takes it."},
    {.name = "gzip_no_buffer", .where = IN_WEB, .args = "on|off", .value = VALUE_FLAG,
     .field = F(ignored_flag), .notice = "what is compressed is never kept waiting",
     .doc = "Accepted for compatibility: what is compressed is never kept waiting."},
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
    .idle_without = &gzip_module,
};
