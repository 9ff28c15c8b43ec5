/*
 * worker/filter/compress.c - what the filters that compress share.
 */
#include "worker/filter/compress.h"

#include "common/conf_load.h"
#include "worker/http/phase.h"
#include "worker/http/representation.h"
#include "worker/http/type_set.h"

static uint32_t compress_index;

struct compress_ctx {
    const struct compressor *offers[CODINGS];
};

static bool is_compressible(const struct request *r, const struct compress_conf *conf)
{
    const struct response *out = &r->out;

    return conf->on && (out->status == 200 || out->status == 403 || out->status == 404) &&
           !representation_is_encoded(r) &&
           (out->length < 0 || out->length >= conf->min_length) &&
           type_set_has(conf->types, out->type);
}

void compress_offer(struct request *r, const struct compress_conf *conf,
                    const struct compressor *compressor)
{
    struct compress_ctx *ctx;

    if (!is_compressible(r, conf))
        return;
    coding_varies(r);
    ctx = request_ctx(r, compress_index, sizeof(*ctx));
    ctx->offers[compressor->coding] = compressor;
}

static const struct compressor *best_of(struct request *r, const struct compress_ctx *ctx)
{
    static const enum coding order[CODINGS] = {CODING_ZSTD, CODING_BROTLI, CODING_GZIP};
    const struct compressor *best = NULL;
    int most = 0;

    for (size_t i = 0; i < CODINGS; i++) {
        const struct compressor *offer = ctx->offers[order[i]];
        int weight = offer != NULL ? coding_weight(r, order[i]) : 0;

        if (weight > most) {
            most = weight;
            best = offer;
        }
    }
    return best;
}

static void filter(struct request *r)
{
    struct compress_ctx *ctx = request_ctx_find(r, compress_index);
    const struct compressor *best = ctx != NULL ? best_of(r, ctx) : NULL;

    if (ctx != NULL)
        *ctx = (struct compress_ctx){{0}};
    if (best == NULL || (!r->header_only && !r->ops->dry && !best->apply(r)))
        return;
    r->out.encoding = coding_name(best->coding);
    representation_changes(r);
}

bool compress_set_types(struct conf_call *call)
{
    return type_set_load(call, &((struct compress_conf *)call->conf)->types);
}

/* Two digits behind the point, rounded. */
void compress_ratio(struct scope *scope, struct var_value *out,
                    const struct compress_count *count)
{
    uint64_t hundredths;

    if (count == NULL || count->out == 0) {
        var_missing(out);
        return;
    }
    hundredths = (count->in * 1000 / count->out + 5) / 10;
    var_found(out, pool_printf(scope->pool, "%llu.%02llu", (unsigned long long)hundredths / 100,
                               (unsigned long long)hundredths % 100));
}

const struct module compress_module = {
    .name = "compress",
    .doc = "Which way of compression a client gets.",
    .family = FAMILY_HTTP,
    .filter = filter, .index = &compress_index,
};
