/*
 * t/fuzz/codec/scgi_fuzz.c - any texts in an SCGI head: what is written is read back the same.
 */
#include <stdlib.h>

#include "worker/codec/scgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = scgi_head_bytes(size), length = 0;
    char *text = malloc(room), *p = scgi_write_begin(text, size);
    const char *at = text;

    if (size > 0)
        memcpy(p, data, size);
    must(scgi_write_end(p + size) == text + room);
    for (; *at != ':'; at++)
        length = length * 10 + (size_t)(*at - '0');
    must(length == size && at + 1 == p && (size == 0 || memcmp(at + 1, data, size) == 0));
    must(text[room - 1] == ',');
    free(text);
    return 0;
}
