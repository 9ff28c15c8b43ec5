/*
 * t/unit/codec/field_test.c - names find their numbers, lists keep their order.
 */
#include "worker/codec/field.h"

#include "t/unit/tap.h"

static uint32_t key_of(struct str name)
{
    return ((uint32_t)name.data[0] | 0x20u) | ((uint32_t)name.data[name.len * 3 / 4] | 0x20u) << 8 |
           ((uint32_t)name.data[name.len - 1] | 0x20u) << 16 | (uint32_t)name.len << 24;
}

static bool fill_slots(uint32_t multiplier, uint8_t slots[256])
{
    memset(slots, 0, 256);
    for (int id = 1; id < FIELD_IDS; id++) {
        uint32_t slot = key_of(field_name((enum field_id)id)) * multiplier >> 24;
        if (slots[slot] != 0)
            return false;
        slots[slot] = (uint8_t)id;
    }
    return true;
}

/* What field.c needs when a row was added: paste it there. */
static void print_slots(void)
{
    uint64_t x = 88172645463325252u;
    uint8_t slots[256];

    for (long i = 0; i < 200000000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        if (!fill_slots((uint32_t)x | 1, slots))
            continue;
        printf("# #define SLOT_MULTIPLIER 0x%xu", (uint32_t)x | 1);
        for (int k = 0; k < 256; k++)
            printf("%s%d,", k % 16 == 0 ? "\n#    " : " ", slots[k]);
        printf("\n");
        return;
    }
}

static void every_name_has_its_number(void)
{
    bool lower = true, title = true, upper = true;
    char text[64];

    for (int id = 1; id < FIELD_IDS; id++) {
        struct str name = field_name((enum field_id)id);
        lower = lower && field_find_id(name) == (enum field_id)id;
        title = title && field_find_id(field_name_title((enum field_id)id)) == (enum field_id)id;
        for (size_t i = 0; i < name.len; i++)
            text[i] = name.data[i] >= 'a' ? (char)(name.data[i] - 32) : name.data[i];
        upper = upper && field_find_id((struct str){text, name.len}) == (enum field_id)id;
    }
    if (!ok(lower, "every name is found in lower case"))
        print_slots();
    ok(title, "and as it is usually written");
    ok(upper, "and in capitals");
}

static void near_misses_have_none(void)
{
    bool none = true;
    char text[64];

    for (int id = 1; id < FIELD_IDS; id++) {
        struct str name = field_name((enum field_id)id);
        for (size_t i = 0; i < name.len; i++)
            for (int bit = 0; bit < 8; bit++) {
                memcpy(text, name.data, name.len);
                text[i] = (char)(text[i] ^ (1 << bit));
                if (ascii_lower(text[i]) != name.data[i])
                    none = none && field_find_id((struct str){text, name.len}) != (enum field_id)id;
            }
    }
    ok(none, "a name with one bit changed is another name");
    is_int(field_find_id(STR("")), FIELD_OTHER, "the empty name is none");
    is_int(field_find_id(STR("x")), FIELD_OTHER, "nor is a short one");
    is_int(field_find_id(STR("Content-Lengthh")), FIELD_OTHER, "nor one that is longer");
}

static void a_list_grows_and_finds(void)
{
    struct pool *pool = pool_create(POOL_BLOCK);
    struct http_fields f;
    struct http_field *item;
    bool in_order = true;

    fields_init(&f, pool);
    ok(fields_find(&f, FIELD_HOST) == NULL, "nothing in an empty list");
    for (int i = 0; i < 100; i++)
        fields_add(&f, pool_printf(pool, "n%d", i), pool_printf(pool, "%d", i), FIELD_OTHER);
    fields_add(&f, STR("Cookie"), STR("a"), FIELD_COOKIE);
    fields_add(&f, STR("cookie"), STR("b"), FIELD_COOKIE);
    for (int i = 0; i < 100; i++)
        in_order = in_order && str_eq(f.items[i].value, pool_printf(pool, "%d", i));
    ok(in_order, "a hundred are kept in order");
    is_slice(fields_value(&f, FIELD_COOKIE), "a", "the first of two is found");
    item = fields_next_same(&f, fields_find(&f, FIELD_COOKIE));
    is_slice(item->value, "b", "then the second");
    ok(fields_next_same(&f, item) == NULL, "and no third");
    is_slice(fields_find_name(&f, STR("N42"))->value, "42", "others are found by name, any case");
    is_slice(fields_find_name(&f, STR("COOKIE"))->value, "a", "known ones too");
    ok(fields_find_name(&f, STR("n100")) == NULL, "and not found when they are not there");
    pool_destroy(pool);
}

static void a_list_without_pool_refuses(void)
{
    struct http_fields f;

    fields_init(&f, NULL);
    for (int i = 0; i < FIELDS_INPLACE; i++)
        fields_add(&f, STR("a"), STR("b"), FIELD_OTHER);
    ok(fields_add(&f, STR("a"), STR("b"), FIELD_OTHER) == NULL, "a full list refuses");
    is_int(f.count, FIELDS_INPLACE, "and stays as it was");
}

static void a_packed_list_is_the_same(void)
{
    struct pool *pool = pool_create(4096);
    struct http_fields f, *packed;

    fields_init(&f, pool);
    for (int i = 0; i < 40; i++)
        fields_add(&f, pool_printf(pool, "n%d", i), pool_printf(pool, "%d", i), FIELD_OTHER);
    fields_add(&f, STR("Cookie"), STR("a"), FIELD_COOKIE);
    packed = fields_pack(&f, pool_alloc(pool, fields_packed_bytes(&f)));
    memset(&f, 0xff, sizeof(f));
    is_int(packed->count, 41, "as many");
    is_slice(fields_value(packed, FIELD_COOKIE), "a", "found by its number");
    is_slice(fields_find_name(packed, STR("n39"))->value, "39", "and by name");
    ok(fields_add(packed, STR("a"), STR("b"), FIELD_OTHER) == NULL, "it takes no more");
    fields_init(&f, pool);
    packed = fields_pack(&f, pool_alloc(pool, fields_packed_bytes(&f)));
    is_int(packed->count, 0, "an empty one");
    pool_destroy(pool);
}

static void slices_follow_the_buffer(void)
{
    char old[] = "Name: value", new[] = "....Name: value";
    struct http_fields f;

    fields_init(&f, NULL);
    fields_add(&f, (struct str){old, 4}, (struct str){old + 6, 5}, FIELD_OTHER);
    fields_add(&f, STR("Other"), STR("elsewhere"), FIELD_OTHER);
    fields_rebase(&f, old, new + 4, sizeof(old) - 1);
    ok(f.items[0].name.data == new + 4 && f.items[0].value.data == new + 10, "slices move");
    is_slice(f.items[1].value, "elsewhere", "what points elsewhere stays");
}

static void lists_are_walked(void)
{
    struct str rest = STR(" , close ,, \"a, \\\" b\" ,\tupgrade"), item;

    ok(field_list_next(&rest, &item), "a first element");
    is_slice(item, "close", "empty ones are skipped, blanks cut");
    field_list_next(&rest, &item);
    is_slice(item, "\"a, \\\" b\"", "a comma inside quotes does not separate");
    field_list_next(&rest, &item);
    is_slice(item, "upgrade", "the last");
    ok(!field_list_next(&rest, &item), "and no more");
    ok(field_list_has(STR("gzip, Trailers"), STR("trailers")), "an element is found in any case");
    ok(!field_list_has(STR("xtrailers"), STR("trailers")), "a part of one is not");
}

static void values_are_on_one_line(void)
{
    struct pool *pool = pool_create(4096);
    struct str plain = STR("a  b\tc");

    ok(field_safe_value(pool, plain).data == plain.data, "nothing to fold: the same slice");
    is_slice(field_safe_value(pool, STR("a\r\n  b")), "a b", "a line end and the blanks behind it");
    is_slice(field_safe_value(pool, STR("\n  a; \n\t\n b;\r\n")), "a; b;",
             "several, also at the ends");
    is_slice(field_safe_value(pool, STR("a\0b\x01")), "a b\x01", "NUL too; others stay");
    is_slice(field_safe_value(pool, STR(" \r\n ")), "", "nothing else");
    is_slice(field_safe_value(pool, STR("\x7f a ")), "\x7f a ", "without a line end all stays");
    ok(field_name_is_safe(STR("X-A")) && !field_name_is_safe(STR("")) &&
       !field_name_is_safe(STR("a\nb")) && !field_name_is_safe(STR("a:")), "names");
    pool_destroy(pool);
}

int main(void)
{
    values_are_on_one_line();
    every_name_has_its_number();
    near_misses_have_none();
    a_list_grows_and_finds();
    a_list_without_pool_refuses();
    a_packed_list_is_the_same();
    slices_follow_the_buffer();
    lists_are_walked();
    return tap_done();
}
