/*
 * t/fuzz/codec/mp4_fuzz.c - any bytes as the index of a movie: no fault, and what is written is as
 * long as was said.
 */
#include <stdlib.h>

#include "worker/codec/mp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DATA_END ((uint64_t)1 << 33)

static void write_it(const struct mp4_movie *m)
{
    size_t len = mp4_movie_write(m, NULL, 0);
    char *out = malloc(len);
    struct mp4_box box;
    const char *why;

    must(out != NULL);
    must(m->first <= m->end && m->end <= DATA_END);
    must(mp4_movie_write(m, out, (int64_t)(len - m->first)) == len);
    must(mp4_box_read((struct str){out, len}, &box, &why) && box.bytes == len);
    free(out);
}

/* Two bytes of start and two of length, in tenths of a second; one of flags; the index. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp4_movie *m = malloc(sizeof(*m));
    struct mp4_part part;
    const char *why;
    char *moov;

    must(m != NULL);
    if (size >= 5 && (moov = malloc(size - 5 + 1)) != NULL) {
        memcpy(moov, data + 5, size - 5);
        part.start_ms = (uint64_t)(data[0] << 8 | data[1]) * 100;
        part.length_ms = (uint64_t)(data[2] << 8 | data[3]) * 100;
        part.from_key = data[4] & 1;
        if (mp4_movie_read(m, moov, size - 5, &why) &&
            mp4_movie_cut(m, &part, data[4] & 2 ? 4096 : 0, DATA_END, &why))
            write_it(m);
        must(why == NULL || why[0] != '\0');
        free(moov);
    }
    free(m);
    return 0;
}
