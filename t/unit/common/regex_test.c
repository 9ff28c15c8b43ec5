/*
 * t/unit/common/regex_test.c - patterns compile with good messages, match, and give up in time.
 */
#include "common/regex.h"
#include "t/unit/tap.h"

static struct pool *pool;

static struct regex *compile(const char *pattern, bool nocase)
{
    struct regex_error error;

    return regex_compile(pool, str_of(pattern), nocase, &error);
}

static void captures(void)
{
    struct regex *re = compile("^/(?<user>[a-z]+)/(x)?(?<id>\\d+)(y)?$", true);
    struct str subject = STR("/Bob/42");
    int pairs = regex_match(re, subject);

    is_int(pairs, 4, "pairs up to the last that is set");
    is_slice(regex_group(subject, pairs, 0), "/Bob/42", "the whole");
    is_slice(regex_group(subject, pairs, 1), "Bob", "a group");
    ok(regex_group(subject, pairs, 2).data == NULL, "one that took no part");
    is_slice(regex_group(subject, pairs, 3), "42", "one after it");
    ok(regex_group(subject, pairs, 4).data == NULL, "one past the pairs");
    is_int((int64_t)regex_captures()[2], 1, "offsets");
    is_int(re->groups, 5, "groups, the whole included");
    is_int(re->name_count, 2, "named ones");
    is_slice(re->names[0].name, "user", "in order of number");
    is_int(re->names[1].group, 3, "with their numbers");
    is_int(regex_match(re, STR("/Bob/")), 0, "no match");
    is_int(regex_match(compile("^$", false), STR_NONE), 1, "none is the empty text");
}

static void respects_case(void)
{
    is_int(regex_match(compile("abc", false), STR("xABC")), 0, "case counts");
    is_int(regex_match(compile("abc", true), STR("xABC")), 1, "unless it does not");
}

static void says_what_is_wrong(void)
{
    struct regex_error error;

    ok(regex_compile(pool, STR("a(b"), false, &error) == NULL, "refused");
    is_str(error.text, "missing closing parenthesis", "why");
    is_int((int64_t)error.offset, 3, "where");
}

static void gives_up_in_time(void)
{
    struct regex *re = compile("^(a+)+$", false);
    int n = regex_match(re, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));

    ok(n < 0, "exponential backtracking is cut short");
    is_str(regex_failure(n), "match limit exceeded", "and says so");
}

static void invalid_utf_matches_nothing(void)
{
    struct regex *re = compile("(*UTF)^.$", false);

    is_int(regex_match(re, STR("\xc3\xa9")), 1, "one character of two bytes");
    is_int(regex_match(re, STR("\xff")), 0, "no character");
}

static void many_groups(void)
{
    char pattern[200 * 3 + 1] = "", subject[201];
    struct regex *re;

    for (int i = 0; i < 200; i++)
        memcpy(pattern + i * 3, "(a)", 4);
    memset(subject, 'a', 200);
    subject[200] = '\0';
    re = compile(pattern, false);
    is_int(regex_match(re, str_of(subject)), 201, "the match block grows with the patterns");
}

int main(void)
{
    pool = pool_create(65536);
    captures();
    respects_case();
    says_what_is_wrong();
    gives_up_in_time();
    invalid_utf_matches_nothing();
    many_groups();
    pool_destroy(pool);
    return tap_done();
}
