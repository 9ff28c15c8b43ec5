/*
 * t/fuzz/common/control_words_fuzz.c - any bytes as a request to the control socket: what is read
 * can be written, and reads the same again.
 */
#include <string.h>

#include "common/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[CONTROL_LINE_MAX], again[CONTROL_LINE_MAX];
    struct str words[CONTROL_WORDS_MAX], same[CONTROL_WORDS_MAX];
    size_t count, len;

    if (size >= sizeof(line))
        return 0;
    memcpy(line, data, size);
    count = control_read(line, size, words);
    must(count <= CONTROL_WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        must(words[i].len > 0 && words[i].data >= line &&
             words[i].data + words[i].len <= line + size);
    len = count == 0 ? 0 : control_print(again, words, count);
    if (len == 0)
        return 0;
    must(again[len - 1] == '\n' && control_read(again, len - 1, same) == count);
    for (size_t i = 0; i < count; i++)
        must(str_eq(words[i], same[i]));
    return 0;
}
