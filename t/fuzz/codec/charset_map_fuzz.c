/*
 * t/fuzz/codec/charset_map_fuzz.c - any bytes recoded: the same text however they are cut, and
 * never more of it than there can be.
 */
#include "t/unit/codec/charset_map_pieces.h"

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
    len = recode_in_pieces(r, text, MOST, MOST * 10, whole);
    must(recode_in_pieces(r, text, 1 + data[1] % 16, CHARSET_ROOM + data[2] % 64, cut) == len);
    must(memcmp(whole, cut, len) == 0);
    return 0;
}
