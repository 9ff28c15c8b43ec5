/*
 * worker/filter/zstd.c - responses compressed with Zstandard (RFC 8878).
 */
#include "worker/filter/zstd.h"

#include <zstd.h>

#include "common/conf_load.h"
#include "worker/filter/compress.h"
#include "worker/filter/transform.h"

#define WINDOW_BITS_MOST 23 /* clients need take no larger one (RFC 9659) */
#define IDLE_MOST        8

static uint32_t zstd_index;

struct zstd_conf {
    struct compress_conf compress;  /* first: compress_set_types */
    struct buf_count ignored_buffers;
};

struct zstd {
    struct transform transform;
    ZSTD_CCtx *context;
    struct compress_count *count;
    struct log *log;
};

/* Contexts, kept for reuse --------------------------------------------------------------------- */

static ZSTD_CCtx *idle[IDLE_MOST];
static uint32_t idle_count;

static void give_context(ZSTD_CCtx *context)
{
    if (idle_count < IDLE_MOST)
        idle[idle_count++] = context;
    else
        ZSTD_freeCCtx(context);
}

static void drop_idle(void)
{
    while (idle_count > 0)
        ZSTD_freeCCtx(idle[--idle_count]);
}

static bool set_up(ZSTD_CCtx *context, int level, int64_t length)
{
    return !ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) &&
           (level < 20 || !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog,
                                                               WINDOW_BITS_MOST))) &&
           (length < 0 || !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, (uint64_t)length)));
}

static ZSTD_CCtx *take_context(int level, int64_t length)
{
    ZSTD_CCtx *context = idle_count > 0 ? idle[--idle_count] : ZSTD_createCCtx();

    if (context == NULL || set_up(context, level, length))
        return context;
    ZSTD_freeCCtx(context);
    return NULL;
}

/* The body ------------------------------------------------------------------------------------- */

static enum transform_step run(struct transform *t, struct str *in, struct buf *out,
                               enum transform_wish wish)
{
    static const ZSTD_EndDirective directives[] = {[TRANSFORM_GO] = ZSTD_e_continue,
                                                   [TRANSFORM_FLUSH] = ZSTD_e_flush,
                                                   [TRANSFORM_FINISH] = ZSTD_e_end};
    struct zstd *z = CONTAINER(t, struct zstd, transform);
    ZSTD_inBuffer from = {.src = in->data, .size = in->len};
    ZSTD_outBuffer to = {.dst = out->last, .size = buf_room(out)};
    size_t left;

    do {
        left = ZSTD_compressStream2(z->context, &to, &from, directives[wish]);
        if (ZSTD_isError(left)) {
            log_error(z->log, LOG_ALERT, 0, "ZSTD_compressStream2() failed: %s",
                      ZSTD_getErrorName(left));
            return TRANSFORM_FAILED;
        }
    } while (to.pos < to.size && (from.pos < from.size || (wish != TRANSFORM_GO && left > 0)));
    z->count->in += from.pos;
    z->count->out += to.pos;
    out->last += to.pos;
    *in = str_from(*in, from.pos);
    if (in->len > 0 || (wish != TRANSFORM_GO && left > 0))
        return TRANSFORM_FULL;
    return wish == TRANSFORM_FINISH ? TRANSFORM_END : TRANSFORM_DONE;
}

static void give_context_back(struct transform *t)
{
    give_context(CONTAINER(t, struct zstd, transform)->context);
}

static const struct transform_ops zstd_ops = {
    .run = run, .fini = give_context_back, .holds_back = true};

static bool compress_body(struct request *r)
{
    const struct zstd_conf *conf = REQUEST_CONF(r, zstd_index, struct zstd_conf);
    ZSTD_CCtx *context = take_context((int)conf->compress.level, r->out.length);
    struct zstd *z;

    if (context == NULL) {
        log_error(&r->log, LOG_ALERT, 0, "no memory to compress with");
        return false;
    }
    z = pool_zalloc(request_pool(r), sizeof(*z));
    z->context = context;
    z->count = request_ctx(r, zstd_index, sizeof(*z->count));
    z->log = &r->log;
    transform_init(&z->transform, r, &zstd_ops);
    return true;
}

static void filter(struct request *r)
{
    static const struct compressor zstd = {.coding = CODING_ZSTD, .apply = compress_body};

    compress_offer(r, &REQUEST_CONF(r, zstd_index, struct zstd_conf)->compress, &zstd);
}

static void get_ratio(struct scope *scope, struct var_value *out, uintptr_t data)
{
    compress_ratio(scope, out,
                   request_ctx_find(CONTAINER(scope, struct request, scope), zstd_index));
}

#define F(member) FIELD(struct zstd_conf, member)

static const struct directive directives[] = {
    {.name = "zstd", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
     .field = F(compress.on), .initial = "off",
     .doc = "Compress responses with Zstandard on their way. Clients that would take br or gzip as "
            "well get this one."},
    {.name = "zstd_types", .where = IN_WEB, .args = "mime-type ...", .apply = compress_set_types,
     .field = F(compress.types), .repeat = true,
     .doc = "Types to compress beside text/html; * is any."},
    {.name = "zstd_comp_level", .where = IN_WEB, .args = "level", .value = VALUE_INT,
     .field = F(compress.level), .min = 1, .max = 22, .initial = "1",
     .doc = "How hard to try: 1 is fastest, 22 smallest."},
    {.name = "zstd_min_length", .where = IN_WEB, .args = "length", .value = VALUE_SIZE,
     .field = F(compress.min_length), .initial = "20",
     .doc = "Responses known to be shorter are left alone."},
    {.name = "zstd_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(ignored_buffers), .notice = "one buffer is filled as fast as the client takes it",
     .doc = "Accepted for compatibility: one buffer is filled as fast as the client takes it."},
};

static const struct var_def variables[] = {
    {.name = "zstd_ratio", .get = get_ratio, .flags = VAR_NO_CACHE},
};

const struct module zstd_module = {
    .name = "zstd", .library = "zstd " WEIR_ZSTD,
    .doc = "Responses compressed with Zstandard.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct zstd_conf),
    .variables = TABLE(variables),
    .filter = filter, .worker_stop = drop_idle, .index = &zstd_index,
    .idle_without = &zstd_module,
};
