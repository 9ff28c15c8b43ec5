/*
 * t/fuzz/codec/charset_map_fuzz.c - any bytes recoded: the same text however they are cut, and
 * never more of it than there can be.
 */
#include "worker/codec/charset_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 1024

static struct charset_map maps[2];

static void make_maps(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct str bad;

    charset_map_init(&maps[0], pool, STR("x"), STR("utf-8"));
    charset_map_init(&maps[1], pool, STR("x"), STR("y"));
    must(charset_map_add(&maps[0], pool, STR("C0"), STR("D18E"), &bad));
    must(charset_map_add(&maps[0], pool, STR("E2"), STR("E282AC"), &bad));
    must(charset_map_add(&maps[1], pool, STR("C0"), STR("41"), &bad));
}

static size_t recode(struct charset_recoder r, struct str text, size_t step, size_t room,
                     char *all)
{
    char *end = all;

    for (size_t at = 0; at < text.len; at += step) {
        struct str piece = {text.data + at, MIN(step, text.len - at)};
        bool done;

        do {
            struct buf out = {end, end, end, end + room};

            done = charset_recode(&r, &piece, &out);
            must(done || out.last > end);
            must(out.last <= out.end);
            end = out.last;
        } while (!done);
    }
    return (size_t)(end - all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char whole[MOST * 10 + 100], cut[MOST * 10 + 100];
    struct charset_recoder r = {0};
    struct str text;
    size_t len;

    if (maps[0].left.len == 0)
        make_maps();
    if (size < 3 || size > MOST)
        return 0;
    r.map = &maps[data[0] & 1];
    r.way = data[0] & 2 ? CHARSET_FORWARD : CHARSET_BACK;
    text = (struct str){(const char *)data + 3, size - 3};
    len = recode(r, text, MOST, MOST * 10, whole);
    must(recode(r, text, 1 + data[1] % 16, CHARSET_ROOM + data[2] % 64, cut) == len);
    must(memcmp(whole, cut, len) == 0);
    return 0;
}
