/*
 * t/unit/common/regex_set_test.c - what is ruled out cannot match: needs of patterns, by table
 * and by chance; and few are picked of many.
 */
#include "common/regex_set.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/needles.h"
#include "common/regex_need.h"
#include "t/unit/tap.h"

static struct pool *pool;

/* Needs ---------------------------------------------------------------------------------------- */

/* "^ab|cd & ef": groups joined by &, texts by |. */
static const char *needs_of(const char *pattern)
{
    static char text[4096];
    struct need groups[NEED_GROUPS];
    uint32_t count = regex_need(pool, str_of(pattern), groups);
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t g = 0; g < count; g++)
        for (uint32_t i = 0; i < groups[g].count; i++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%" STR_FMT,
                                     i > 0 ? "|" : g > 0 ? " & " : "",
                                     groups[g].texts[i].at_start ? "^" : "",
                                     STR_ARG(groups[g].texts[i].text));
    return text;
}

static void needs_by_table(void)
{
    static const char *const rows[][2] = {
        {"^/app17/(.+)\\.do$", "^/app17/ & .do"},
        {"\\.(jpe?g|PNG)$", ".jpeg|.jpg|.png"},
        {"^/(?:a|b)/x", "^/a/x|^/b/x"},
        {"(^|/)\\.git", "^.git|/.git"},
        {"^~(?<user>\\w+)/x", "^~ & /x"},
        {"ab+c", "a & b & c"},
        {"ab?c", "abc|ac"},
        {"ab*c", "a & c"},
        {"ab{2}c", "a & b & c"},
        {"ab{0,1}c", "abc|ac"},
        {"ab{2,}?c", "a & b & c"},
        {"(ab)+", "ab"},
        {"(?i)Ab(?-i:C)", "abc"},
        {"a(?=b)b(?!c)(?<=b)(?<!x)d", "abd"},
        {"[Aa][.]b", "a.b"},
        {"[]x]y", "]y|xy"},
        {"[^a]b[a-c]c[\\w]d[[:alpha:]]e", "b & c & d & e"},
        {"foo|bar.*qux", "foo|bar"},
        {"foo|.*", ""},
        {"(foo|)bar", "foobar|bar"},
        {"foo(bar|.*baz)", "foo & bar|baz"},
        {"a^b", "^b"},
        {"\\Aab\\z", "^ab"},
        {"(a)\\1b", "a & b"},
        {"x\\dyy", "x & yy"},
        {"a\\/b\\-c", "a/b-c"},
        {"\xc3\xa9t", "t"},
        {"", ""},
        {"^", ""},
        {"(?m)^a", ""},
        {"(?x) a b", ""},
        {"(*UTF)ab", ""},
        {"a\\Q*\\E", ""},
        {"a\\x41", ""},
        {"(?|a|b)c", ""},
        {"(a)(?1)", ""},
        {"a(?#b)c", ""},
        {"(?(?=a)ab|cd)", ""},
        {"a{,3}b", ""},
        {"(?<a>x)(?P=a)(?P>a)", ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++)
        is_str(needs_of(rows[i][0]), rows[i][1], rows[i][0]);
}

/* Picks ---------------------------------------------------------------------------------------- */

static struct regex_set set;

static const struct regex *compile(const char *pattern, bool nocase)
{
    struct regex_error error;

    return regex_compile(pool, str_of(pattern), nocase, &error);
}

static void new_set(void)
{
    if (pool != NULL)
        pool_destroy(pool);
    pool = pool_create(65536);
    regex_set_init(&set, pool);
}

static const struct regex *regex_at(size_t i)
{
    return *(const struct regex **)array_at(&set.regexes, i);
}

/* The first in order that matches, each being asked. */
static int64_t first_of_all(struct str subject)
{
    for (size_t i = 0; i < set.regexes.count; i++)
        if (regex_match(regex_at(i), subject) > 0)
            return (int64_t)i;
    return -1;
}

static int64_t first_of_picks(struct str subject, int *asked)
{
    struct regex_pick pick;
    int64_t i;

    regex_pick_init(&pick, &set, subject);
    *asked = 0;
    while ((i = regex_pick_next(&pick)) >= 0) {
        ++*asked;
        if (regex_match(regex_at((size_t)i), subject) > 0)
            return i;
    }
    return -1;
}

static void few_of_many_are_asked(void)
{
    char text[64];
    int asked;

    new_set();
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof(text), "^/api/v1/(\\w+)/thing%d/$", i);
        regex_set_add(&set, compile(text, i % 2));
    }
    regex_set_build(&set);
    is_int(first_of_picks(STR("/api/v1/x/thing4711/"), &asked), 4711, "the one is found");
    is_int(asked, 1, "and it alone is run");
    is_int(first_of_picks(STR("/API/V1/x/THING4711/"), &asked), 4711, "in other letters too");
    is_int(first_of_picks(STR("/API/V1/x/THING4712/"), &asked), -1, "which another minds");
    is_int(first_of_picks(STR("/api/v1/x"), &asked), -1, "what has not all matches none");
    is_int(asked, 0, "and none is run");
    is_int(first_of_picks(STR_NONE, &asked), -1, "nor by the empty text");
}

static void order_counts(void)
{
    static const char *const patterns[] = {"b.b", "^/a", "\\.x$", "", "a", "zz"};
    int asked;

    new_set();
    for (size_t i = 0; i < COUNT(patterns); i++)
        regex_set_add(&set, compile(patterns[i], false));
    regex_set_build(&set);
    is_int(first_of_picks(STR("/a.x"), &asked), 1, "the first that matches");
    is_int(first_of_picks(STR("a.x\n"), &asked), 2, "one that ends it but for a line end");
    is_int(first_of_picks(STR(""), &asked), 3, "one that takes everything");
    is_int(first_of_picks(STR("zz"), &asked), 3, "hides those behind it");
}

/* Chance --------------------------------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)seed * below) >> 32);
}

static char *add(char *p, const char *text)
{
    size_t len = strlen(text);

    memcpy(p, text, len + 1);
    return p + len;
}

#define ANY_OF(list) (list)[chance((uint32_t)COUNT(list))]

static char *add_run(char *p, int depth);

static char *add_group(char *p, int depth)
{
    static const char *const heads[] = {"(",   "(",    "(?:",  "(?>",     "(?=",   "(?!",
                                        "(?<=", "(?<!", "(?i:", "(?<n>", "(?P<n>", "(?'n'",
                                        "(?|", "(?s-i:", "(?m:", "(?x:"};

    p = add(p, ANY_OF(heads));
    p = add_run(p, depth - 1);
    while (chance(3) == 0) {
        p = add(p, "|");
        p = add_run(p, depth - 1);
    }
    return add(p, ")");
}

static char *add_atom(char *p, int depth)
{
    static const char *const atoms[] = {
        "a", "b", "A", "/", "a", "b", ".", "^", "$", "\\.", "\\/", "\\w", "\\b", "\\B", "\\d",
        "\\A", "\\z", "\\Z", "\\K", "\\G", "[ab]", "[^a]", "[]a]", "[a-b]", "[[:alpha:]b]", "[.]",
        "[\\.b]", "[-a]", "[a-]", "\\1", "(?i)", "(?-i)", "(?m)", "(?x)", "(?s)", "\\Qa.\\E",
        "\\x61",
        "\\141", "(?1)", "(?#a)", "\\R", "\\N", "[b\\]]", "ab", "a\nb", "\n", "(?(1)a|b)",
        "(*COMMIT)", "\\n", "\\h", "{", "}", "]", "[\\Q]\\E]", "(*ACCEPT)", "\xe9", "\\\xe9",
        "#", " ",
    };

    return depth > 0 && chance(4) == 0 ? add_group(p, depth) : add(p, ANY_OF(atoms));
}

static char *add_run(char *p, int depth)
{
    static const char *const counts[] = {"?",    "*",    "+",     "??",    "*?",   "+?",     "?+",
                                         "{0}",  "{1}",  "{2}",   "{0,1}", "{1,}", "{1,2}?", "{,2}",
                                         "{2,}", "{ 1}", "{1,2}+", "*+"};

    for (uint32_t n = chance(5); n > 0; n--) {
        p = add_atom(p, depth);
        if (chance(5) == 0)
            p = add(p, ANY_OF(counts));
    }
    return p;
}

static const struct regex *chance_regex(void)
{
    const struct regex *regex;
    char pattern[4096];

    do {
        char *p = add_run(pattern, 3);

        if (chance(4) == 0)
            add_run(add(p, "|"), 3);
        regex = compile(pattern, chance(2));
    } while (regex == NULL);
    return regex;
}

static struct str chance_subject(void)
{
    static const char bytes[] = "aabbAB//..\n0 \xe9_";
    static char text[16];
    size_t len = chance(9);

    for (size_t i = 0; i < len; i++)
        text[i] = bytes[chance(sizeof(bytes) - 1)];
    return (struct str){text, len};
}

static void picks_agree_with_all(void)
{
    int asked, differ = 0, matched = 0, ruled_out = 0;

    for (int round = 0; round < 600; round++) {
        new_set();
        for (int i = 0; i < 12; i++)
            regex_set_add(&set, chance_regex());
        regex_set_build(&set);
        for (int i = 0; i < 40; i++) {
            struct str subject = chance_subject();
            int64_t want = first_of_all(subject), got = first_of_picks(subject, &asked);

            matched += want >= 0;
            ruled_out += asked < (want < 0 ? 12 : want + 1);
            if (want == got)
                continue;
            differ++;
            printf("# on \"%" STR_FMT "\": all %lld, picks %lld; \"%" STR_FMT "\"\n",
                   STR_ARG(subject), (long long)want, (long long)got,
                   STR_ARG(regex_at((size_t)(want >= 0 ? want : got))->pattern));
        }
    }
    is_int(differ, 0, "random patterns on random subjects: the same one is first");
    ok(matched > 1000, "of which many match");
    ok(ruled_out > 1000, "and many are ruled out");
}

/* Needles -------------------------------------------------------------------------------------- */

static struct str chance_text(char *into, size_t least, size_t most)
{
    size_t len = least + chance((uint32_t)(most - least + 1));

    for (size_t i = 0; i < len; i++)
        into[i] = "ab"[chance(2)];
    return (struct str){into, len};
}

static bool is_in(struct str text, const struct needle *needle)
{
    ssize_t at = str_search(text, needle->text);

    return needle->at_start ? str_starts(text, needle->text) : at >= 0;
}

static void needles_agree_with_search(void)
{
    int differ = 0;

    for (int round = 0; round < 500; round++) {
        struct needle list[20];
        struct needles *needles;
        uint64_t want = 0, got = 0;
        struct str text;

        new_set();
        for (uint32_t i = 0; i < COUNT(list); i++)
            list[i] = (struct needle){chance_text(pool_bytes(pool, 8), 1, 8), chance(4) == 0, i};
        needles = needles_build(pool, list, COUNT(list));
        text = chance_text(pool_bytes(pool, 30), 0, 30);
        for (uint32_t i = 0; i < COUNT(list); i++)
            want |= (uint64_t)is_in(text, &list[i]) << list[i].id;
        needles_find(needles, text, &got);
        differ += want != got;
    }
    is_int(differ, 0, "one pass finds what twenty searches find");
}

int main(void)
{
    new_set();
    needs_by_table();
    order_counts();
    few_of_many_are_asked();
    picks_agree_with_all();
    needles_agree_with_search();
    pool_destroy(pool);
    return tap_done();
}
