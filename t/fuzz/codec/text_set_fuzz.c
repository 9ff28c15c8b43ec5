/*
 * t/fuzz/codec/text_set_fuzz.c - any texts in any bytes: what a plain search finds, from any
 * byte on.
 */
#include "t/unit/codec/text_set_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Lines: the texts, an empty line, the bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size}, texts[8];
    struct pool *pool;
    uint32_t count = 0;

    while (count < COUNT(texts) && rest.data != NULL) {
        struct str line = str_cut(&rest, '\n');

        if (line.len == 0)
            break;
        texts[count++] = line;
    }
    if (count == 0 || rest.len > 400)
        return 0;
    pool = pool_create(POOL_BLOCK);
    must(agrees(pool, texts, count, rest));
    pool_destroy(pool);
    return 0;
}
