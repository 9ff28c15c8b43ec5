/*
 * t/fuzz/codec/h1_chunk_fuzz.c - any bytes as a chunked body: pieces decode as the whole does.
 */
#include <stdlib.h>

#include "worker/codec/h1_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum h1_chunk_result result;
    size_t used;
    uint64_t bytes;
    uint64_t sum; /* over the payload, order counts */
    uint32_t trailers;
};

/* A server's way to have trailers takes no less than the other. */
static uint32_t decode_kept(struct str text, size_t step, enum h1_chunk_result strict)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct http_fields *made = NULL;
    enum h1_chunk_result result = H1_CHUNK_MORE;
    struct str in, data;
    struct h1_chunk c;
    uint32_t count;

    h1_chunk_init(&c, NULL, pool, 500, false);
    h1_chunk_keep(&c, &made, 500, 5);
    for (size_t at = 0; at < text.len && result == H1_CHUNK_MORE; at += step) {
        in = (struct str){text.data + at, MIN(step, text.len - at)};
        while ((result = h1_chunk_next(&c, &in, &data)) == H1_CHUNK_DATA)
            must(data.len > 0);
    }
    count = made == NULL ? 0 : made->count;
    must(count <= 5);
    must(strict != H1_CHUNK_DONE || result == H1_CHUNK_DONE || count == 5);
    pool_destroy(pool);
    return count;
}

static struct outcome decode(struct str text, size_t step, bool tolerant)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct http_fields *trailers = malloc(sizeof(*trailers));
    struct outcome out = {.result = H1_CHUNK_MORE};
    struct str in, data;
    struct h1_chunk c;

    fields_init(trailers, pool);
    h1_chunk_init(&c, trailers, pool, 500, tolerant);
    for (size_t at = 0; at < text.len && out.result == H1_CHUNK_MORE; at += step) {
        in = (struct str){text.data + at, MIN(step, text.len - at)};
        while ((out.result = h1_chunk_next(&c, &in, &data)) == H1_CHUNK_DATA) {
            must(data.len > 0);
            for (size_t i = 0; i < data.len; i++)
                out.sum = out.sum * 31 + (uint8_t)data.data[i];
        }
        out.used = at + MIN(step, text.len - at) - in.len;
    }
    must((out.result == H1_CHUNK_BAD) == (h1_chunk_fault(&c) != NULL));
    must((h1_chunk_least(&c) == 0) == (out.result == H1_CHUNK_DONE || out.result == H1_CHUNK_BAD));
    out.bytes = c.total;
    out.trailers = trailers->count;
    free(trailers);
    pool_destroy(pool);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    struct str text = {(const char *)data + 1, size - 1};
    bool tolerant = data[0] & 1;
    struct outcome whole = decode(text, text.len, tolerant);
    struct outcome pieces = decode(text, 1 + (data[0] >> 1), tolerant);

    must(whole.result == pieces.result && whole.used == pieces.used);
    must(whole.bytes == pieces.bytes && whole.sum == pieces.sum);
    must(whole.trailers == pieces.trailers);
    if (!tolerant)
        must(decode_kept(text, text.len, whole.result) ==
             decode_kept(text, 1 + (data[0] >> 1), whole.result));
    return 0;
}
