/*
 * t/fuzz/codec/uwsgi_fuzz.c - any pairs in a uwsgi packet: what is written is read back the same.
 */
#include <stdlib.h>

#include "worker/codec/uwsgi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t read_length(const char *at)
{
    return (size_t)(uint8_t)at[0] | (size_t)(uint8_t)at[1] << 8;
}

/* The input is cut into a name and a value at its first byte's place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 1000)
        return 0;

    size_t name = data[0] % size, value = size - name;
    size_t content = uwsgi_pair_bytes(name, value);
    char *text = malloc(UWSGI_HEADER_BYTES + content), *p;

    p = uwsgi_write_length(uwsgi_write_header(text, data[1], content, data[2]), name);
    memcpy(p, data, name);
    p = uwsgi_write_length(p + name, value);
    memcpy(p, data + name, value);
    must(p + value == text + UWSGI_HEADER_BYTES + content);
    must((uint8_t)text[0] == data[1] && (uint8_t)text[3] == data[2]);
    must(read_length(text + 1) == content && read_length(text + 4) == name);
    must(read_length(text + 6 + name) == value);
    must(memcmp(text + 6, data, name) == 0 && memcmp(text + 8 + name, data + name, value) == 0);
    free(text);
    return 0;
}
