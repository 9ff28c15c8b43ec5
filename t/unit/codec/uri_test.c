/*
 * t/unit/codec/uri_test.c - targets become the paths that nginx makes of them.
 */
#include "worker/codec/uri.h"

#include "t/unit/tap.h"
#include "worker/codec/escape.h"

static struct pool *pool;

/* What nginx 1.22 answers: its $uri with merge_slashes on and off (NULL: 400), and $args. */
static const struct {
    const char *target, *merged, *unmerged, *args;
} cases[] = {
    {"/a/../b", "/b", "/b", ""},
    {"/..", NULL, NULL, NULL},
    {"/../", NULL, NULL, NULL},
    {"/a/..", "/", "/", ""},
    {"/a/.", "/a/", "/a/", ""},
    {"/a/./", "/a/", "/a/", ""},
    {"/a/./b", "/a/b", "/a/b", ""},
    {"/a//b", "/a/b", "/a//b", ""},
    {"//", "/", "//", ""},
    {"/a/.../b", "/a/.../b", "/a/.../b", ""},
    {"/a/..b", "/a/..b", "/a/..b", ""},
    {"/a/.b", "/a/.b", "/a/.b", ""},
    {"/%41", "/A", "/A", ""},
    {"/%2e%2e/x", NULL, NULL, NULL},
    {"/a/%2e%2e/b", "/b", "/b", ""},
    {"/a/%2E", "/a/", "/a/", ""},
    {"/a%2fb", "/a/b", "/a/b", ""},
    {"/a%2f..%2fb", "/b", "/b", ""},
    {"/a/%2f/b", "/a/b", "/a///b", ""},
    {"/%00", NULL, NULL, NULL},
    {"/%", NULL, NULL, NULL},
    {"/%4", NULL, NULL, NULL},
    {"/%4g", NULL, NULL, NULL},
    {"/%zz", NULL, NULL, NULL},
    {"/a?b%zz", "/a", "/a", "b%zz"},
    {"/a?", "/a", "/a", ""},
    {"/a??b", "/a", "/a", "?b"},
    {"/a?b#c", "/a", "/a", "b"},
    {"/a#", "/a", "/a", ""},
    {"/a%23b", "/a#b", "/a#b", ""},
    {"/a%3fb", "/a?b", "/a?b", ""},
    {"/a%20b", "/a b", "/a b", ""},
    {"/a+b", "/a+b", "/a+b", ""},
    {"/a/../../b", NULL, NULL, NULL},
    {"/a/..?x", "/", "/", "x"},
    {"/a/.?x", "/a/", "/a/", "x"},
    {"/a//?x", "/a/", "/a//", "x"},
    {"/a/..#x", "/", "/", ""},
    {"/a/.#x", "/a/", "/a/", ""},
    {"/a//#", "/a/", "/a//", ""},
    {"/%2e", "/", "/", ""},
    {"/%2e%2e", NULL, NULL, NULL},
    {"/a/..//b", "/b", "//b", ""},
    {"/a/.//b", "/a/b", "/a//b", ""},
    {"/a%25b", "/a%b", "/a%b", ""},
    {"/a%2541", "/a%41", "/a%41", ""},
    {"/a%", NULL, NULL, NULL},
    {"/a%?x", NULL, NULL, NULL},
    {"/a%4?x", NULL, NULL, NULL},
    {"/a/..%2f", "/", "/", ""},
    {"/\303\244", "/\303\244", "/\303\244", ""},
    {"/a%0ab", "/a\012b", "/a\012b", ""},
    {"/a%7fb", "/a\177b", "/a\177b", ""},
    {"/a%01", "/a\001", "/a\001", ""},
    {"/a/%2e./b", "/b", "/b", ""},
    {"/a/.%2e/b", "/b", "/b", ""},
    {"/.", "/", "/", ""},
    {"/a/b/../../..", NULL, NULL, NULL},
    {"/a.b/c", "/a.b/c", "/a.b/c", ""},
    {"/a/b.c.d", "/a/b.c.d", "/a/b.c.d", ""},
    {"/a\\b", "/a\\b", "/a\\b", ""},
    {"/a/..\\b", "/a/..\\b", "/a/..\\b", ""},
    {"/%2f/a", "/a", "///a", ""},
    {"/%2f%2f/a", "/a", "////a", ""},
    {"/a?x=%00", "/a", "/a", "x=%00"},
    {"/./?a", "/", "/", "a"},
    {"/a/b/..%3fx", "/a/b/..?x", "/a/b/..?x", ""},
    {"/a%3f/..", "/", "/", ""},
    {"/a%23/..", "/", "/", ""},
    {"/a%2e", "/a.", "/a.", ""},
    {"/a.%2e/..", "/", "/", ""},
    {"/?", "/", "/", ""},
    {"/#?", "/", "/", ""},
    {"/a%c3", "/a\303", "/a\303", ""},
    {"/a///", "/a/", "/a///", ""},
    {"/a/././../b", "/b", "/b", ""},
    {"/a/%2e/%2e%2e/b", "/b", "/b", ""},
    {"/a/%2e%2e%2fb", "/b", "/b", ""},
    {"/a%2f%2e%2e", "/", "/", ""},
    {"/a;b", "/a;b", "/a;b", ""},
    {"/a/..;/b", "/a/..;/b", "/a/..;/b", ""},
    {"/a/..%00", NULL, NULL, NULL},
};

static bool is_path(struct uri *u, enum uri_fault fault, const char *want)
{
    if (want == NULL)
        return fault != URI_OK;
    return fault == URI_OK && str_eq(u->path, str_of(want));
}

static void targets_as_nginx_sees_them(void)
{
    char what[200];
    struct uri u;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str target = str_of(cases[i].target);
        bool right = is_path(&u, uri_parse(&u, target, false, pool), cases[i].unmerged) &&
                     is_path(&u, uri_parse(&u, target, true, pool), cases[i].merged);
        if (cases[i].merged != NULL)
            right = right && str_eq(u.args.data ? u.args : STR(""), str_of(cases[i].args));
        snprintf(what, sizeof(what), "target %s", cases[i].target);
        if (!ok(right, what))
            printf("#   path %.*s args %.*s\n", STR_ARG(u.path), STR_ARG(u.args));
    }
}

static void plain_targets_are_not_copied(void)
{
    struct str target = STR("/some/where/a.file.html?a=b&c=%64/../x");
    struct uri u;

    is_int(uri_parse(&u, target, true, NULL), URI_OK, "a plain target needs no pool");
    ok(u.path.data == target.data && !u.changed && !u.quoted, "its path is a slice");
    is_slice(u.args, "a=b&c=%64/../x", "so are its arguments, as they are");
    is_slice(u.ext, "html", "and its extension");
    uri_parse(&u, STR("/a"), true, NULL);
    ok(u.args.data == NULL && u.ext.data == NULL, "none of either");
    uri_parse(&u, STR("/a?"), true, NULL);
    ok(u.args.data != NULL && u.args.len == 0, "empty arguments are not none");
    uri_parse(&u, STR("/a%2Db.c"), true, pool);
    ok(u.changed && u.quoted, "a decoded one is marked");
    uri_parse(&u, STR("/a?b#c"), true, pool);
    ok(u.changed, "one with a fragment too");
}

static void other_forms(void)
{
    struct uri u;

    is_int(uri_parse(&u, STR("*"), true, NULL), URI_OK, "the asterisk");
    is_slice(u.path, "*", "stays");
    is_int(uri_parse(&u, STR("?a"), true, NULL), URI_OK, "a query behind an authority");
    is_slice(u.path, "/", "has the root for its path");
    is_slice(u.args, "a", "and arguments");
    is_int(uri_parse(&u, STR("a"), true, NULL), URI_NO_SLASH, "no leading slash");
    is_int(uri_parse(&u, STR(""), true, NULL), URI_NO_SLASH, "nothing");
    is_int(uri_parse(&u, STR("/a\0b"), true, pool), URI_NUL, "a NUL");
    is_int(uri_parse(&u, STR("/a?\0b"), true, pool), URI_NUL, "a NUL in arguments");
    is_int(uri_parse(&u, STR("/a b"), true, pool), URI_BAD_BYTE, "a space");
    is_int(uri_parse(&u, STR("/a%00"), true, pool), URI_NUL, "an encoded NUL");
    is_int(uri_parse(&u, STR("/../a"), true, pool), URI_ABOVE_ROOT, "above the root");
}

static void extensions(void)
{
    static const char *const files[][2] = {
        {"/.htaccess", NULL}, {"/%2ehtaccess", NULL}, {"/a.", ""}, {"/x.abc", "abc"},
        {"/x%2eabc", "abc"}, {"/.a.b", "b"}, {"/a..b", "b"}, {"/b", NULL}, {"/a.b/c", NULL},
        {"/y/../x.abc", "abc"}, {"/", NULL},
    };
    struct uri u;

    for (size_t i = 0; i < COUNT(files); i++) {
        uri_parse(&u, str_of(files[i][0]), true, pool);
        is_slice(u.ext, files[i][1], files[i][0]);
    }
}

static void arguments(void)
{
    struct str args = STR("a=1&bb=2&flag&A=3&c=&d=x=y"), value;

    ok(uri_arg(args, STR("bb"), &value), "an argument");
    is_slice(value, "2", "its value");
    uri_arg(args, STR("a"), &value);
    is_slice(value, "1", "the first of two");
    ok(uri_arg(args, STR("c"), &value) && value.len == 0, "an empty value");
    uri_arg(args, STR("D"), &value);
    is_slice(value, "x=y", "any case; up to the next one");
    ok(!uri_arg(args, STR("flag"), &value), "a word without a value is none");
    ok(!uri_arg(args, STR("b"), &value), "a part of a name neither");
    ok(!uri_arg(STR_NONE, STR("b"), &value), "nor is there one in none");
}

static void safe_paths(void)
{
    ok(uri_is_safe(STR("/a/..b/c..")), "dots in names");
    ok(!uri_is_safe(STR("/a/../b")), "a climb");
    ok(!uri_is_safe(STR("..")), "alone");
    ok(!uri_is_safe(STR("/a/..")), "at the end");
    ok(!uri_is_safe(STR("/a\0")), "a NUL");
}

/* The sets that nginx codes, as seen in what it sends. */
static void escapes(void)
{
    static const struct {
        enum escape_kind kind;
        const char *coded;
    } kinds[] = {
        {ESCAPE_URI, " \"#%<>?\\^`{|}"},
        {ESCAPE_ARGS, " \"#%&+;<>?\\^`{|}"},
        {ESCAPE_COMPONENT, " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}"},
        {ESCAPE_REFRESH, " \"'<>"},
        {ESCAPE_LINK, " \"#%'<>\\^`{|}"},
        {ESCAPE_MEMCACHED, " %"},
        {ESCAPE_TARGET, "\x7f"},
    };
    char c;

    for (size_t k = 0; k < COUNT(kinds); k++) {
        bool right = true;
        for (int i = 0; i < 256; i++) {
            bool coded = i < 0x20 || (i >= 0x7f && kinds[k].kind < ESCAPE_MEMCACHED) ||
                         (i < 0x80 && strchr(kinds[k].coded, i) != NULL);
            c = (char)i;
            right = right && escape_count((struct str){&c, 1}, kinds[k].kind) == coded;
        }
        ok(right, "each byte that needs a code gets one, no other");
    }
    is_slice(escape(pool, STR("/a b%\xe4"), ESCAPE_URI), "/a%20b%25%E4", "codes");
    is_slice(escape(pool, STR("/plain"), ESCAPE_URI), "/plain", "none needed");
    is_slice(escape_html(pool, STR("<a href=\"x\">&</a>")),
             "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;", "entities");
    is_slice(escape_html(pool, STR("plain")), "plain", "no entities");
}

static void unescapes(void)
{
    is_slice(unescape(pool, STR("a%20b%4"), UNESCAPE_ALL), "a b%4", "an incomplete code stays");
    is_slice(unescape(pool, STR("%zz%3f"), UNESCAPE_ALL), "%zz?", "a bad one too");
    is_slice(unescape(pool, STR("a%20b%3fc"), UNESCAPE_URI), "a b", "a path ends at '?'");
    is_slice(unescape(pool, STR("a?c"), UNESCAPE_URI), "a", "plain or not");
    is_slice(unescape(pool, STR("%41%20%25%3C?%41"), UNESCAPE_REDIRECT), "A%20%25<?%41",
             "for a redirect only what is harmless");
}

int main(void)
{
    pool = pool_create(POOL_BLOCK);
    targets_as_nginx_sees_them();
    plain_targets_are_not_copied();
    other_forms();
    extensions();
    arguments();
    safe_paths();
    escapes();
    unescapes();
    pool_destroy(pool);
    return tap_done();
}
