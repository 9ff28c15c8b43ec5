/*
 * t/unit/codec/charset_map_test.c - texts recoded whole and cut anywhere, with as little room
 * as may be.
 */
#include "t/unit/codec/charset_map_pieces.h"
#include "t/unit/tap.h"

static struct pool *pool;
static struct charset_map utf8, bytes;

static bool add(struct charset_map *m, const char *left, const char *right)
{
    struct str bad;

    return charset_map_add(m, pool, str_of(left), str_of(right), &bad);
}

static struct str recode(const struct charset_map *m, enum charset_way way, struct str text,
                         size_t step, size_t room)
{
    struct charset_recoder r = {.map = m, .way = way};
    char *all = pool_bytes(pool, text.len * 12 + 12);

    return (struct str){all, recode_in_pieces(r, text, step, room, all)};
}

static bool is_always(const struct charset_map *m, enum charset_way way, struct str text,
                      const char *want)
{
    for (size_t step = 1; step <= text.len; step++)
        for (size_t room = CHARSET_ROOM; room < 40; room++)
            if (!str_eq(recode(m, way, text, step, room), str_of(want)))
                return false;
    return true;
}

static void recodes_bytes(void)
{
    ok(is_always(&bytes, CHARSET_FORWARD, STR("a\xc0\xc1z\xff"), "a\xe0\xe1z?"), "forward");
    ok(is_always(&bytes, CHARSET_BACK, STR("a\xe0\xe1z\xff"), "a\xc0\xc1z?"), "and back");
}

static void recodes_to_utf8(void)
{
    ok(is_always(&utf8, CHARSET_FORWARD, STR("a\xc0 \xc2!"), "a\xd1\x8e \xe2\x82\xac!"),
       "characters of two and three bytes");
    ok(is_always(&utf8, CHARSET_FORWARD, STR("\xc0\xfe\xc0"), "\xd1\x8e?\xd1\x8e"), "unknown ones");
}

static void recodes_from_utf8(void)
{
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        {STR_INIT("plain"), "plain"},
        {STR_INIT("a text of more than one word a\xd1\x8e and so on, and so on"),
         "a text of more than one word a\xc0 and so on, and so on"},
        {STR_INIT("\xe2\x82\xac\xd1\x8e"), "\xc2\xc0"},
        {STR_INIT("\xd1\x8f"), "&#1103;"},
        {STR_INIT("\xf0\x9f\x98\x80"), "&#128512;"},
        {STR_INIT("\xf4\x8f\xbf\xbf"), "&#1114111;"},
        {STR_INIT("\xf7\xbf\xbf\xbf!"), "?!"},
        {STR_INIT("\x80\xbf\xc0\xc1z"), "????z"},
        {STR_INIT("\xf8\xff"), "??"},
        {STR_INIT("\xd1Z!"), "?!"},
        {STR_INIT("\xe2Z!\xd1\x8e"), "?!\xc0"},
        {STR_INIT("\xe2\x82Z!"), "?!"},
        {STR_INIT("\xf0ZYX\xd1\x8e"), "?YX\xc0"},
        {STR_INIT("\xe0\x80\x80z"), "?z"},
        {STR_INIT("\xf0\x80\x80\x80z"), "?z"},
        {STR_INIT("z\xd1"), "z"},
        {STR_INIT("z\xe2\x82"), "z"},
        {STR_INIT("z\xe2Z"), "z"},
        {STR_INIT("\xd1\xd1z"), "&#1105;z"},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        ok(is_always(&utf8, CHARSET_BACK, cases[i].in, cases[i].out), cases[i].out);
}

static void refuses_what_is_no_character(void)
{
    static const char *const left[] = {"", "G0", "1C0", "C0 "};
    static const char *const right[] = {"", "41", "D1", "D18", "D18EFF", "F09F9880", "C0AF",
                                        "E08080", "D1Z0", "4141", "E2828"};
    struct str bad;

    for (size_t i = 0; i < COUNT(left); i++)
        ok(!charset_map_add(&utf8, pool, str_of(left[i]), STR("D18E"), &bad) &&
               str_eq(bad, str_of(left[i])), left[i]);
    for (size_t i = 0; i < COUNT(right); i++)
        ok(!charset_map_add(&utf8, pool, STR("C5"), str_of(right[i]), &bad) &&
               str_eq(bad, str_of(right[i])), right[i]);
    ok(!add(&bytes, "C0", "D18E"), "two bytes where one belongs");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    charset_map_init(&utf8, pool, STR("x"), STR("UTF-8"));
    charset_map_init(&bytes, pool, STR("x"), STR("y"));
    ok(add(&utf8, "C0", "D18E") && add(&utf8, "c2", "e282ac"), "a map to UTF-8");
    ok(add(&bytes, "C0", "E0") && add(&bytes, "C1", "E1"), "a map of bytes");
    recodes_bytes();
    recodes_to_utf8();
    recodes_from_utf8();
    refuses_what_is_no_character();
    pool_destroy(pool);
    return tap_done();
}
