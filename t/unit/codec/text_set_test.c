/*
 * t/unit/codec/text_set_test.c - searches against one that tries every text at every byte.
 */
#include "t/unit/codec/text_set_model.h"
#include "t/unit/tap.h"

static struct pool *pool;

static void finds_known_texts(void)
{
    static const struct str one[] = {STR_INIT("</Head>")};
    static const struct str two[] = {STR_INIT("abcdef"), STR_INIT("bc")};
    static const struct str same[] = {STR_INIT("AB"), STR_INIT("abc"), STR_INIT("ab")};
    static const struct str byte[] = {STR_INIT("x"), STR_INIT("hello"), STR_INIT("o w")};
    struct text_hit hit;

    ok(text_set_find(text_set_build(pool, one, 1), STR("<html></HEAD>"), true, NULL, &hit) ==
           TEXT_FOUND && hit.at == 6 && hit.len == 7, "whatever the case");
    ok(agrees(pool, one, 1, STR("<html><head></head></he</hea</head></Head")), "one");
    ok(agrees(pool, two, 2, STR("abcdeabcdefbcabcde")), "one within another");
    ok(agrees(pool, same, 3, STR("xabcab")), "the first of several that fit");
    ok(agrees(pool, byte, 3, STR("Hello World, x hell")), "one of a single byte");
    ok(agrees(pool, one, 1, STR("<")), "a text shorter than all");
    ok(text_set_find(text_set_build(pool, one, 1), STR(""), true, NULL, &hit) == TEXT_NONE &&
           hit.at == 0, "nothing in nothing");
}

static uint32_t state = 12345;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525 + 1013904223;
    return (state >> 16) % below;
}

static struct str drawn_text(size_t len, uint32_t letters)
{
    char *text = pool_bytes(pool, len);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)((draw(2) ? 'a' : 'A') + (char)draw(letters));
    return (struct str){text, len};
}

static void agrees_on_any_texts(void)
{
    struct str texts[8];
    int wrong = 0;

    for (int round = 0; round < 3000; round++) {
        uint32_t count = 1 + draw(COUNT(texts)), letters = 1 + draw(3);

        for (uint32_t i = 0; i < count; i++)
            texts[i] = drawn_text(1 + draw(round % 2 ? 6 : 12), letters);
        wrong += !agrees(pool, texts, count, drawn_text(draw(40), letters));
        if (round % 100 == 0) {
            pool_destroy(pool);
            pool = pool_create(POOL_BLOCK);
        }
    }
    is_int(wrong, 0, "3000 sets of texts");
}

static void takes_long_and_many(void)
{
    struct str many[600], text = drawn_text(3000, 2), longer = drawn_text(700, 1);
    struct text_hit hit;

    for (uint32_t i = 0; i < COUNT(many); i++)
        many[i] = pool_printf(pool, "text number %u", i);
    ok(text_set_find(text_set_build(pool, many, COUNT(many)), STR("this is Text Number 599"), true,
                     NULL, &hit) == TEXT_FOUND && hit.at == 8 && hit.index == 5, "many");
    ok(text_set_find(text_set_build(pool, &longer, 1), text, true, NULL, &hit) == TEXT_NONE,
       "a long one");
    ok(text_set_find(text_set_build(pool, &longer, 1), longer, true, NULL, &hit) == TEXT_FOUND &&
           hit.at == 0, "all of it");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    finds_known_texts();
    agrees_on_any_texts();
    takes_long_and_many();
    pool_destroy(pool);
    return tap_done();
}
