/*
 * t/unit/common/str_test.c - counted strings compare, split, convert and hash as promised.
 */
#include "common/str.h"
#include "t/unit/tap.h"

#include <stdlib.h>

static void compares(void)
{
    ok(str_eq(STR("abc"), STR("abc")) && !str_eq(STR("abc"), STR("abd")), "equal or not");
    ok(!str_eq(STR("abc"), STR("ab")), "a prefix is not equal");
    ok(str_eq(STR_NONE, STR("")), "none equals empty");
    ok(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")), "starts");
    ok(str_starts(STR_NONE, STR_NONE) && str_ends(STR_NONE, STR_NONE), "none starts and ends none");
    ok(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("abc"), STR("ab")), "ends");
    ok(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("b"), STR("a")) > 0, "orders by bytes");
    ok(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("ab"), STR("a")) > 0, "prefix first");
    ok(str_cmp(STR("\x80"), STR("a")) > 0, "bytes are unsigned");
    is_int(str_cmp(STR_NONE, STR("")), 0, "none sorts as empty");
}

/* Every pair of bytes, at every place of every length up to 20, against a plain loop. */
static void folds_case_like_a_plain_loop(void)
{
    bool same = true;

    for (size_t len = 1; len <= 20; len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                char a[20], b[20];

                memset(a, 'q', sizeof(a));
                memset(b, 'Q', sizeof(b));
                for (int d = c & ~0x20; d < 256; d += 0x20) {
                    a[at] = (char)c;
                    b[at] = (char)d;
                    same = same &&
                           str_eq_nocase((struct str){a, len}, (struct str){b, len}) ==
                               (ascii_lower((char)c) == ascii_lower((char)d));
                }
            }
    ok(same, "str_eq_nocase agrees with ascii_lower everywhere");
    ok(str_eq_nocase(STR_NONE, STR("")), "none equals empty");
    ok(str_starts_nocase(STR("Content-Type"), STR("content-")), "starts, whatever the case");
    ok(!str_starts_nocase(STR("Content"), STR("content-")), "too short");
}

static void finds(void)
{
    is_int(str_find(STR("abcb"), 'b'), 1, "first");
    is_int(str_rfind(STR("abcb"), 'b'), 3, "last");
    is_int(str_find(STR("abc"), 'x'), -1, "absent");
    is_int(str_find(STR_NONE, 'x'), -1, "absent in none");
    is_int(str_search(STR("hello"), STR("llo")), 2, "substring");
    is_int(str_search(STR("hello"), STR("")), 0, "the empty needle");
    is_int(str_search(STR_NONE, STR("")), 0, "the empty needle in none");
    is_int(str_search(STR("he"), STR("hello")), -1, "needle too long");
}

static void cuts(void)
{
    struct str rest = STR("a,,b");

    is_slice(str_trim(STR(" \t a b\t ")), "a b", "trim");
    is_slice(str_trim(STR("  ")), "", "trim to nothing");
    is_slice(str_cut(&rest, ','), "a", "first part");
    is_slice(str_cut(&rest, ','), "", "an empty part");
    is_slice(str_cut(&rest, ','), "b", "last part");
    ok(rest.data == NULL, "then none");
    rest = STR("a,");
    str_cut(&rest, ',');
    ok(rest.data != NULL && rest.len == 0, "an empty last part is still a part");
}

static void converts(void)
{
    int64_t n = 7;
    uint64_t x = 7;

    ok(str_to_int(STR("9223372036854775807"), &n) && n == INT64_MAX, "the largest");
    ok(!str_to_int(STR("9223372036854775808"), &n), "one more");
    ok(!str_to_int(STR("99999999999999999999999"), &n), "far more");
    ok(!str_to_int(STR(""), &n) && !str_to_int(STR("-1"), &n) && !str_to_int(STR("+1"), &n) &&
           !str_to_int(STR(" 1"), &n) && !str_to_int(STR("1x"), &n),
       "digits only");
    is_int(n, INT64_MAX, "a failure leaves the result alone");
    ok(str_to_int(STR("007"), &n) && n == 7, "leading zeros");
    ok(str_to_hex(STR("fFfFfFfFfFfFfFfF"), &x) && x == UINT64_MAX, "the largest hex");
    ok(!str_to_hex(STR("00000000000000000"), &x), "seventeen digits");
    ok(!str_to_hex(STR("0x1"), &x) && !str_to_hex(STR(""), &x) && !str_to_hex(STR("g"), &x),
       "hex digits only");
}

/* No two of the strings that differ in one place share a hash. */
static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void hashes(void)
{
    static uint64_t seen[40 * 41 + 1];
    size_t count = 0, twins = 0;
    char text[41];
    bool folds = true;

    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len <= 40; len++) {
        seen[count++] = str_hash((struct str){text, len});
        for (size_t at = 0; at < len; at++) {
            text[at] = 'B';
            if (len > 1)
                seen[count++] = str_hash((struct str){text, len});
            char lower[41];
            memcpy(lower, text, sizeof(text));
            lower[at] = 'b';
            folds = folds && str_hash_nocase((struct str){text, len}) ==
                                 str_hash((struct str){lower, len});
            text[at] = 'a';
        }
    }
    qsort(seen, count, sizeof(*seen), by_value);
    for (size_t i = 1; i < count; i++)
        twins += seen[i] == seen[i - 1];
    is_int((int64_t)twins, 0, "neighbours hash apart");
    ok(folds, "the nocase hash is that of the lower-cased text");
    is_int((int64_t)str_hash_fixed(STR("the same in every run")),
           (int64_t)str_hash_fixed(STR("the same in every run")), "fixed hash repeats");
    ok(str_hash_fixed(STR("")) != str_hash(STR("")), "the process hash is seeded");
}

static void fixed_hash_never_changes(void)
{
    /* It is in shared zones and file names: a change is a change of their layout. */
    is_int((int64_t)str_hash_fixed(STR("")), INT64_C(343692591842238780), "of nothing");
    is_int((int64_t)str_hash_fixed(STR("abc")), INT64_C(2429212657171598242), "of three bytes");
    is_int((int64_t)str_hash_fixed(STR("http://example.com/index.html")),
           INT64_C(9073530155350352956),
           "of a longer one");
}

int main(void)
{
    compares();
    folds_case_like_a_plain_loop();
    finds();
    cuts();
    converts();
    hashes();
    fixed_hash_never_changes();
    return tap_done();
}
