/*
 * worker/filter/brotli.c - responses compressed with Brotli (RFC 7932).
 *
 * An encoder takes some megabytes, in pieces whose sizes are the same for each response: they are
 * kept for the next.
 */
#include "worker/filter/brotli.h"

#include <brotli/encode.h>
#include <stdlib.h>

#include "common/conf_load.h"
#include "common/conf_value.h"
#include "worker/filter/compress.h"
#include "worker/filter/transform.h"

static uint32_t brotli_index;

struct brotli_conf {
    struct compress_conf compress;  /* first: compress_set_types */
    int64_t window_bits;
    struct buf_count ignored_buffers;
};

struct brotli {
    struct transform transform;
    BrotliEncoderState *encoder;
    struct compress_count *count;
    struct log *log;
};

/* Memory --------------------------------------------------------------------------------------- */

#define KEPT_BYTES (16 * 1024 * 1024)

struct block {
    size_t bytes;
    struct block *next; /* of those that are free; newest first */
    max_align_t data[];
};

static struct block *kept;
static size_t kept_bytes;

static void *take_block(void *arg, size_t bytes)
{
    struct block *block;

    for (struct block **at = &kept; (block = *at) != NULL; at = &block->next) {
        if (block->bytes != bytes)
            continue;
        *at = block->next;
        kept_bytes -= bytes;
        return block->data;
    }
    block = bytes < SIZE_MAX - sizeof(*block) ? malloc(sizeof(*block) + bytes) : NULL;
    if (block == NULL)
        return NULL;
    block->bytes = bytes;
    return block->data;
}

static void drop_kept(void)
{
    struct block *block;

    while ((block = kept) != NULL) {
        kept = block->next;
        free(block);
    }
    kept_bytes = 0;
}

static void give_block(void *arg, void *data)
{
    struct block *block;

    if (data == NULL)
        return;
    block = CONTAINER(data, struct block, data);
    if (block->bytes > KEPT_BYTES - kept_bytes)
        drop_kept(); /* sizes that nobody asks for any more are among them */
    if (block->bytes > KEPT_BYTES) {
        free(block);
        return;
    }
    kept_bytes += block->bytes;
    block->next = kept;
    kept = block;
}

/* The body ------------------------------------------------------------------------------------- */

static enum transform_step run(struct transform *t, struct str *in, struct buf *out,
                               enum transform_wish wish)
{
    static const BrotliEncoderOperation operations[] = {
        [TRANSFORM_GO] = BROTLI_OPERATION_PROCESS,
        [TRANSFORM_FLUSH] = BROTLI_OPERATION_FLUSH,
        [TRANSFORM_FINISH] = BROTLI_OPERATION_FINISH,
    };
    struct brotli *b = CONTAINER(t, struct brotli, transform);
    size_t in_left = in->len, room = buf_room(out), room_left = room;
    const uint8_t *next_in = (const uint8_t *)in->data;
    uint8_t *next_out = (uint8_t *)out->last;

    do {
        if (!BrotliEncoderCompressStream(b->encoder, operations[wish], &in_left, &next_in,
                                         &room_left, &next_out, NULL)) {
            log_error(b->log, LOG_ALERT, 0, "BrotliEncoderCompressStream() failed");
            return TRANSFORM_FAILED;
        }
    } while (room_left > 0 && (in_left > 0 || BrotliEncoderHasMoreOutput(b->encoder)));
    b->count->in += in->len - in_left;
    b->count->out += room - room_left;
    out->last += room - room_left;
    *in = str_from(*in, in->len - in_left);
    if (BrotliEncoderIsFinished(b->encoder))
        return TRANSFORM_END;
    return in->len > 0 || BrotliEncoderHasMoreOutput(b->encoder) ? TRANSFORM_FULL : TRANSFORM_DONE;
}

static void destroy_encoder(struct transform *t)
{
    BrotliEncoderDestroyInstance(CONTAINER(t, struct brotli, transform)->encoder);
}

static const struct transform_ops brotli_ops = {
    .run = run, .fini = destroy_encoder, .holds_back = true};

/* A small body needs no window beyond itself. */
static uint32_t window_bits_for(const struct brotli_conf *conf, int64_t length)
{
    uint32_t bits = (uint32_t)conf->window_bits;

    if (length >= 0) {
        while (bits > BROTLI_MIN_WINDOW_BITS && length <= (1 << (bits - 1)) - 16)
            bits--;
    }
    return bits;
}

static bool set_up(BrotliEncoderState *encoder, const struct brotli_conf *conf, int64_t length)
{
    return BrotliEncoderSetParameter(encoder, BROTLI_PARAM_QUALITY,
                                     (uint32_t)conf->compress.level) &&
           BrotliEncoderSetParameter(encoder, BROTLI_PARAM_LGWIN, window_bits_for(conf, length)) &&
           (length <= 0 || BrotliEncoderSetParameter(encoder, BROTLI_PARAM_SIZE_HINT,
                                                     (uint32_t)MIN(length, 1 << 30)));
}

static bool compress_body(struct request *r)
{
    BrotliEncoderState *encoder = BrotliEncoderCreateInstance(take_block, give_block, NULL);
    struct brotli *b;

    if (encoder == NULL ||
        !set_up(encoder, REQUEST_CONF(r, brotli_index, struct brotli_conf), r->out.length)) {
        if (encoder != NULL)
            BrotliEncoderDestroyInstance(encoder);
        log_error(&r->log, LOG_ALERT, 0, "no Brotli encoder can be had");
        return false;
    }
    b = pool_zalloc(request_pool(r), sizeof(*b));
    b->encoder = encoder;
    b->count = request_ctx(r, brotli_index, sizeof(*b->count));
    b->log = &r->log;
    transform_init(&b->transform, r, &brotli_ops);
    return true;
}

static void filter(struct request *r)
{
    static const struct compressor brotli = {.coding = CODING_BROTLI, .apply = compress_body};

    compress_offer(r, &REQUEST_CONF(r, brotli_index, struct brotli_conf)->compress, &brotli);
}

static void get_ratio(struct scope *scope, struct var_value *out, uintptr_t data)
{
    compress_ratio(scope, out,
                   request_ctx_find(CONTAINER(scope, struct request, scope), brotli_index));
}

/* Configuration -------------------------------------------------------------------------------- */

static bool set_window(struct conf_call *call)
{
    struct brotli_conf *conf = call->conf;
    int64_t bytes;

    if (conf_size(conf_arg(call, 0), &bytes)) {
        for (int64_t bits = BROTLI_MIN_WINDOW_BITS; bits <= BROTLI_MAX_WINDOW_BITS; bits++) {
            conf->window_bits = bits;
            if (bytes == (int64_t)1 << bits)
                return true;
        }
    }
    return conf_fail_arg(call, 0, "must be 1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k, 256k, 512k, 1m, "
                                  "2m, 4m, 8m or 16m");
}

#define F(member) FIELD(struct brotli_conf, member)

static const struct directive directives[] = {
    {.name = "brotli", .where = IN_WEB_IF, .args = "on|off", .value = VALUE_FLAG,
     .field = F(compress.on), .initial = "off",
     .doc = "Compress responses with Brotli on their way. Clients that would take gzip as well get "
            "this one."},
    {.name = "brotli_types", .where = IN_WEB, .args = "mime-type ...", .apply = compress_set_types,
     .field = F(compress.types), .repeat = true,
     .doc = "Types to compress beside text/html; * is any."},
    {.name = "brotli_comp_level", .where = IN_WEB, .args = "level", .value = VALUE_INT,
     .field = F(compress.level), .min = BROTLI_MIN_QUALITY, .max = BROTLI_MAX_QUALITY,
     .initial = "6", .doc = "How hard to try: 0 is fastest, 11 smallest."},
    {.name = "brotli_window", .where = IN_WEB, .args = "size", .apply = set_window,
     .initial = "512k", .doc = "How far back repetitions are looked for: 1k to 16m."},
    {.name = "brotli_min_length", .where = IN_WEB, .args = "length", .value = VALUE_SIZE,
     .field = F(compress.min_length), .initial = "20",
     .doc = "Responses known to be shorter are left alone."},
    {.name = "brotli_buffers", .where = IN_WEB, .args = "number size", .value = VALUE_BUFS,
     .field = F(ignored_buffers), .notice = "one buffer is filled as fast as the client takes it",
     .doc = "Accepted for compatibility: one buffer is filled as fast as the client takes it."},
};

static const struct var_def variables[] = {
    {.name = "brotli_ratio", .get = get_ratio, .flags = VAR_NO_CACHE},
};

const struct module brotli_module = {
    .name = "brotli", .library = "brotli " WEIR_BROTLI,
    .doc = "Responses compressed with Brotli.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives), .conf_size = sizeof(struct brotli_conf),
    .variables = TABLE(variables),
    .filter = filter, .worker_stop = drop_kept, .index = &brotli_index,
    .idle_without = &brotli_module,
};
