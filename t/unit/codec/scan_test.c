/*
 * t/unit/codec/scan_test.c - vector searches agree with the plain ones, at every length and offset.
 */
#include "worker/codec/scan.h"

#include <stdlib.h>

#include "t/unit/tap.h"

static uint32_t seed = 7;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Exactly `len` bytes on the heap, so that a sanitizer sees the first one too many. Mostly letters:
   hits are rare enough for long runs. */
static char *text(size_t len, uint32_t rarity)
{
    static const char rare[] = "\t\r\n \x7f\x1f\x80\xff%#?/:.\x01";
    char *t = malloc(len > 0 ? len : 1);

    for (size_t i = 0; i < len; i++)
        t[i] = draw(rarity) == 0 ? rare[draw(sizeof(rare))] : (char)('a' + draw(26));
    return t;
}

static void classes_agree(void)
{
    static const enum scan_class classes[] = {SCAN_CONTROL, SCAN_BLANK, SCAN_COLON};
    bool same = true;

    for (int round = 0; round < 20000; round++) {
        size_t len = draw(200), from = draw((uint32_t)len + 1);
        char *t = text(len, 2 + draw(100));
        for (size_t k = 0; k < COUNT(classes); k++)
            same = same && scan_find(classes[k], t, t + from, t + len) ==
                               scan_plain(classes[k], t + from, t + len);
        free(t);
    }
    ok(same, "classes: the same byte is found whatever the length and the offset");
}

static void every_byte_is_judged_alike(void)
{
    bool same = true;
    char block[48];

    for (int c = 0; c < 256; c++) {
        memset(block, 'a', sizeof(block));
        block[17] = (char)c;
        for (int k = SCAN_CONTROL; k <= SCAN_COLON; k++)
            same = same && scan_find((enum scan_class)k, block, block, block + 48) ==
                               scan_plain((enum scan_class)k, block, block + 48);
        same = same && scan_path(block, block + 48) == scan_path_plain(block, block + 48);
    }
    ok(same, "each of the 256 bytes is in a class for both or for none");
}

static void paths_agree(void)
{
    bool same = true;

    for (int round = 0; round < 20000; round++) {
        size_t len = draw(120);
        char *t = text(len, 1 + draw(60));
        same = same && scan_path(t, t + len) == scan_path_plain(t, t + len);
        free(t);
    }
    ok(same, "paths: the same byte is found whatever the length");
}

int main(void)
{
    classes_agree();
    every_byte_is_judged_alike();
    paths_agree();
    return tap_done();
}
