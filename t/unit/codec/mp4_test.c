/*
 * t/unit/codec/mp4_test.c - boxes and indexes of movies: what is read, and what is refused.
 */
#include <stdlib.h>

#include "t/unit/tap.h"
#include "worker/codec/mp4.h"
#include "worker/codec/mp4_bytes.h"

static void reads_boxes(void)
{
    struct mp4_box box;
    const char *why;
    char out[MP4_HEADER_MOST];

    ok(mp4_box_read(STR("\0\0\0\x14" "ftyp...."), &box, &why) && box.bytes == 20 &&
           box.header_bytes == 8 && box.name == MP4_NAME('f', 't', 'y', 'p'), "a box");
    ok(mp4_box_read(STR("\0\0\0\1mdat\0\0\0\1\0\0\0\0"), &box, &why) &&
           box.bytes == (uint64_t)1 << 32 && box.header_bytes == 16, "one of 64 bits");
    ok(mp4_box_read(STR("\0\0\0\0mdat"), &box, &why) && box.bytes == 0, "one to the end");
    ok(!mp4_box_read(STR("\0\0\0\7mdat"), &box, &why), "too small");
    ok(!mp4_box_read(STR("\0\0\0\1mdat\0\0\0\0\0\0\0\xf"), &box, &why), "too small, 64 bits");
    ok(!mp4_box_read(STR("\0\0\0\1mdat\0\0\0\1"), &box, &why), "cut off");
    ok(!mp4_box_read(STR("\0\0\0\x14" "fty"), &box, &why), "cut off in its name");
    is_int((int64_t)mp4_box_write(out, MP4_NAME('m', 'd', 'a', 't'), UINT32_MAX - 8), 8, "fits");
    is_int((int64_t)mp4_box_write(out, MP4_NAME('m', 'd', 'a', 't'), UINT32_MAX - 7), 16,
           "does not");
    ok(mp4_box_read((struct str){out, 16}, &box, &why) && box.bytes == (uint64_t)UINT32_MAX + 9,
       "and is read as it was written");
}

/* An index, box by box ------------------------------------------------------------------------- */

static char index_text[4096];
static size_t index_len;

static size_t open_box(const char *name)
{
    size_t at = index_len;

    memcpy(index_text + at + 4, name, 4);
    index_len += 8;
    return at;
}

static void close_box(size_t at)
{
    mp4_put32(index_text + at, (uint32_t)(index_len - at));
}

static void numbers(const uint32_t *n, size_t count)
{
    for (size_t i = 0; i < count; i++, index_len += 4)
        mp4_put32(index_text + index_len, n[i]);
}

#define BOX(name, ...)                                                                             \
    do {                                                                                           \
        static const uint32_t content[] = {__VA_ARGS__};                                           \
        size_t box = open_box(name);                                                               \
        numbers(content, COUNT(content));                                                          \
        close_box(box);                                                                            \
    } while (0)

enum flaw {
    NONE, NO_MVHD, NO_TKHD, NO_STTS, NO_STSC, NO_STSZ, NO_STCO, TWO_STTS, STTS_CUT, STSC_ORDER,
    STSC_BEYOND, FEW_SIZES, COMPRESSED, FAR_CHUNKS, FLAWS
};

/* 10 samples of 100 ms in 5 chunks of 2, each sample of 10 bytes, from 1000 on. */
static void make_tables(enum flaw flaw)
{
    if (flaw != NO_STTS)
        BOX("stts", 0, 1, 10, 100);
    if (flaw == TWO_STTS)
        BOX("stts", 0, 1, 10, 100);
    if (flaw == STSC_ORDER)
        BOX("stsc", 0, 2, 3, 2, 1, 2, 2, 1);
    else if (flaw == STSC_BEYOND)
        BOX("stsc", 0, 2, 1, 2, 1, 9, 2, 1);
    else if (flaw != NO_STSC)
        BOX("stsc", 0, 1, 1, 2, 1);
    if (flaw == FEW_SIZES)
        BOX("stsz", 0, 0, 2, 10, 10);
    else if (flaw != NO_STSZ)
        BOX("stsz", 0, 10, 10);
    if (flaw == FAR_CHUNKS)
        BOX("stco", 0, 5, 100000, 100020, 100040, 100060, 100080);
    else if (flaw != NO_STCO)
        BOX("stco", 0, 5, 1000, 1020, 1040, 1060, 1080);
    if (flaw == STTS_CUT)
        BOX("ctts", 0, 1000, 1, 1);
}

static void make_index(enum flaw flaw)
{
    size_t trak, mdia, minf, stbl;

    index_len = 0;
    if (flaw != NO_MVHD)
        BOX("mvhd", 0, 0, 0, 1000, 1000, 0);
    if (flaw == COMPRESSED)
        BOX("cmov", 0);
    trak = open_box("trak");
    if (flaw != NO_TKHD)
        BOX("tkhd", 0, 0, 0, 1, 0, 1000);
    mdia = open_box("mdia");
    BOX("mdhd", 0, 0, 0, 1000, 1000, 0);
    minf = open_box("minf");
    stbl = open_box("stbl");
    make_tables(flaw);
    close_box(stbl);
    close_box(minf);
    close_box(mdia);
    close_box(trak);
}

static struct mp4_movie movie;

/* From memory of just that size, so that a look past its end is noticed. */
static const char *cut(enum flaw flaw, uint64_t start_ms, uint64_t length_ms)
{
    struct mp4_part part = {start_ms, length_ms, false};
    const char *why;
    char *copy;

    make_index(flaw);
    copy = malloc(index_len);
    must(copy != NULL);
    memcpy(copy, index_text, index_len);
    if (mp4_movie_read(&movie, copy, index_len, &why) &&
        mp4_movie_cut(&movie, &part, 1000, 1100, &why))
        why = "good";
    free(copy);
    return why;
}

static bool is_cut(uint64_t start_ms, uint64_t length_ms, uint64_t first, uint64_t end)
{
    return strcmp(cut(NONE, start_ms, length_ms), "good") == 0 && movie.first == first &&
           movie.end == end;
}

static void cuts_by_time(void)
{
    ok(is_cut(0, 0, 1000, 1100), "all of it");
    ok(is_cut(100, 0, 1010, 1100), "from the second sample of a chunk on");
    ok(is_cut(299, 0, 1020, 1100), "from within a sample");
    ok(is_cut(900, 0, 1090, 1100), "the last sample");
    ok(is_cut(0, 100, 1000, 1010), "one sample");
    ok(is_cut(150, 100, 1010, 1020), "one of the middle");
    ok(is_cut(150, 200, 1010, 1030), "over the border of a chunk");
    ok(is_cut(150, 99999, 1010, 1100), "to far behind the end");
    is_str(cut(NONE, 1000, 0), "the start is behind its end", "nothing behind the end");
    is_str(cut(NONE, UINT64_MAX, 0), "the start is behind its end", "at no time");
    is_str(cut(NONE, 100, 50), "there are no samples between start and end", "less than a sample");
}

static void refuses_what_is_not_sound(void)
{
    static const char *const whys[FLAWS] = {
        [NONE] = "good",
        [NO_MVHD] = "there is no mvhd",
        [NO_TKHD] = "a track has no tkhd",
        [NO_STTS] = "a track has no stts",
        [NO_STSC] = "a track has no stsc",
        [NO_STSZ] = "a track has no stsz",
        [NO_STCO] = "a track has no stco",
        [TWO_STTS] = "a table is there twice",
        [STTS_CUT] = "a table is smaller than it says",
        [STSC_ORDER] = "the chunks of a track are not in order",
        [STSC_BEYOND] = "the chunks of a track are not in order",
        [FEW_SIZES] = "a track has fewer sizes than samples",
        [COMPRESSED] = "its index is compressed (cmov)",
        [FAR_CHUNKS] = "the start is outside of its media data",
    };

    for (int flaw = 0; flaw < FLAWS; flaw++)
        is_str(cut((enum flaw)flaw, 300, 0), whys[flaw], whys[flaw]);
}

int main(void)
{
    reads_boxes();
    cuts_by_time();
    refuses_what_is_not_sound();
    return tap_done();
}
