/*
 * worker/filter/compress.h - what the filters that compress share: when they apply, which of them a
 * client gets, and what that does to the head.
 *
 * Each of them offers its coding for a response; behind them the one that the client wants most is
 * put to work. Where it has no preference: zstd, then br, then gzip.
 */
#pragma once

#include "worker/http/coding.h"

struct compress_conf {
    bool on;
    int64_t level;
    int64_t min_length;
    struct type_set *types;
};

/* Bytes so far, for $gzip_ratio and its like. */
struct compress_count {
    uint64_t in, out;
};

struct compressor {
    enum coding coding;
    /* Puts a compressing source over the response's body. False (logged) when it cannot. */
    bool (*apply)(struct request *r);
};

/* For a filter: if the response is one to compress, this is one way to do it. */
void compress_offer(struct request *r, const struct compress_conf *conf,
                    const struct compressor *compressor);

/* Takes the best offer; in modules[] behind all that make some. */
extern const struct module compress_module;

/* For ..._types; appends to conf->types, `conf` being the start of the module's struct. */
bool compress_set_types(struct conf_call *call);

/* "2.31", or missing. `count` may be NULL. */
void compress_ratio(struct scope *scope, struct var_value *out,
                    const struct compress_count *count);
