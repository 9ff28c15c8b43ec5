/*
 * t/fuzz/codec/fcgi_fuzz.c - any bytes as FastCGI records: pieces read as the whole does.
 */
#include <stdlib.h>

#include "worker/codec/fcgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum fcgi_result result;
    size_t used;
    uint64_t out, err; /* over what was sent, order counts */
    uint32_t records, ends, app_status;
};

static uint64_t sum(uint64_t so_far, struct str data)
{
    must(data.len > 0);
    for (size_t i = 0; i < data.len; i++)
        so_far = so_far * 31 + (uint8_t)data.data[i];
    return so_far;
}

static void note(struct outcome *o, struct str data)
{
    switch (o->result) {
    case FCGI_OUT:
        must(o->ends == 0);
        o->out = sum(o->out, data);
        break;
    case FCGI_ERR:
        o->err = sum(o->err, data);
        break;
    case FCGI_ERR_RECORD:
        o->records++;
        break;
    default:
        o->ends++;
    }
}

static bool is_final(enum fcgi_result result)
{
    return result == FCGI_END || result == FCGI_BAD;
}

/* Each piece in a block of its own, so that reading beyond it is seen. */
static struct outcome read_all(struct str text, size_t step)
{
    struct outcome o = {.result = FCGI_MORE};
    struct fcgi_reader f;

    fcgi_reader_init(&f);
    for (size_t at = 0; at < text.len && !is_final(o.result); at += step) {
        size_t len = MIN(step, text.len - at);
        char *block = malloc(len);
        struct str in = {memcpy(block, text.data + at, len), len}, data;

        while ((o.result = fcgi_next(&f, &in, &data)) != FCGI_MORE && !is_final(o.result))
            note(&o, data);
        must(o.result != FCGI_MORE || in.len == 0);
        o.used = at + len - in.len;
        free(block);
    }
    must((o.result == FCGI_BAD) == (f.fault != NULL));
    must(o.result != FCGI_END || f.ended);
    must((o.ends > 0) == f.out_ended || o.result == FCGI_BAD);
    o.app_status = f.app_status;
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    struct str text = {(const char *)data + 1, size - 1};
    struct outcome whole = read_all(text, text.len), pieces = read_all(text, 1 + data[0]);

    must(whole.result == pieces.result && whole.used == pieces.used);
    must(whole.out == pieces.out && whole.err == pieces.err);
    must(whole.records == pieces.records && whole.ends == pieces.ends);
    must(whole.app_status == pieces.app_status);
    return 0;
}
