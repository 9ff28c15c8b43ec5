/*
 * t/unit/http/condition_test.c - the tests of `if`.
 */
#include "t/unit/http/http_modules.h"
#include "t/unit/tap.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/condition-XXXXXX";

/* Whether `condition` holds for a request with ?a=... and X-B: ... */
static bool holds(const char *condition, const char *a, const char *b)
{
    char config[512], target[128];
    struct kit *kit;
    bool result;

    snprintf(config, sizeof(config),
             "events { } http { server { listen 127.0.0.1:80; set $dir %s; set $zero 0;\n"
             "location / { if (%s) { return 200; } return 404; } } }", dir, condition);
    kit = kit_load(config);
    if (kit == NULL) {
        printf("# does not load: %s\n", condition);
        return false;
    }
    snprintf(target, sizeof(target), "/path/x.txt?%s%s", a != NULL ? "a=" : "", a ? a : "");
    result = kit_ask(kit, target, b != NULL ? "X-B" : NULL, b).status == 200;
    kit_free(kit);
    return result;
}

static void variables(void)
{
    ok(holds("$arg_a", "x", NULL), "a variable that is set");
    ok(!holds("$arg_a", NULL, NULL), "one that is not");
    ok(!holds("$arg_a", "0", NULL), "0 is false");
    ok(holds("$arg_a", "00", NULL), "00 is not 0");
    ok(!holds("$zero", NULL, NULL), "one set to 0");
    ok(holds("$http_x_b", NULL, "y"), "a field");
    ok(holds("$arg_a = x", "x", NULL), "equal");
    ok(!holds("$arg_a = x", "X", NULL), "case counts");
    ok(holds("$arg_a != x", "y", NULL), "not equal");
    ok(holds("$arg_a = $http_x_b", "q", "q"), "to another variable");
    ok(holds("$arg_a = \"\"", NULL, NULL), "to nothing");
    ok(holds("$arg_a = 'a b'", NULL, NULL) == false, "a quoted text");
}

static void patterns(void)
{
    ok(holds("$uri ~ ^/path/", NULL, NULL), "a regex");
    ok(!holds("$uri ~ ^/PATH/", NULL, NULL), "case counts");
    ok(holds("$uri ~* ^/PATH/", NULL, NULL), "or not");
    ok(holds("$uri !~ ^/other/", NULL, NULL), "not matching");
    ok(!holds("$uri !~* ^/PATH/", NULL, NULL), "nor without case");
    ok(holds("$uri ~ \"\\.(txt|html)$\"", NULL, NULL), "quoted");
    ok(holds("$arg_a ~ ^$", NULL, NULL), "a variable without value is empty");
}

static void files(void)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/file", dir);
    must((file = fopen(path, "w")) != NULL);
    fclose(file);
    ok(holds("-f $dir/file", NULL, NULL), "a file");
    ok(!holds("-f $dir", NULL, NULL), "a directory is none");
    ok(holds("!-f $dir/none", NULL, NULL), "what is not there is none");
    ok(holds("-d $dir", NULL, NULL), "a directory");
    ok(!holds("-d $dir/file", NULL, NULL), "a file is none");
    ok(holds("-e $dir/file", NULL, NULL) && holds("-e $dir", NULL, NULL), "both exist");
    ok(holds("!-e $dir/none", NULL, NULL), "nothing does not");
    ok(!holds("-x $dir/file", NULL, NULL), "not to be executed");
    must(chmod(path, 0700) == 0);
    ok(holds("-x $dir/file", NULL, NULL), "to be executed");
    unlink(path);
}

/* Of three variables, each set or not, those for which it holds: a bit each from 000 to 111. */
static unsigned truths(const char *condition)
{
    unsigned found = 0;
    char config[512], target[64];
    struct kit *kit;

    snprintf(config, sizeof(config), "events { } http { server { listen 127.0.0.1:80;\n"
             "location / { if (%s) { return 200; } return 404; } } }", condition);
    kit = kit_load(config);
    if (kit == NULL) {
        printf("# does not load: %s\n", condition);
        return ~0u;
    }
    for (unsigned i = 0; i < 8; i++) {
        snprintf(target, sizeof(target), "/?a=%u&b=%u&c=%u", i >> 2 & 1, i >> 1 & 1, i & 1);
        found |= (unsigned)(kit_ask(kit, target, NULL, NULL).status == 200) << i;
    }
    kit_free(kit);
    return found;
}

#define A "$arg_a"
#define B "$arg_b"
#define C "$arg_c"

/* The same in C. */
#define SAME(condition, formula, what)                                                             \
    do {                                                                                           \
        unsigned wanted = 0;                                                                       \
        for (unsigned i = 0; i < 8; i++) {                                                         \
            bool a = i >> 2 & 1, b = i >> 1 & 1, c = i & 1;                                        \
            (void)a, (void)b, (void)c;                                                             \
            wanted |= (unsigned)(formula) << i;                                                    \
        }                                                                                          \
        is_int(truths(condition), wanted, what);                                                   \
    } while (0)

static void operators(void)
{
    SAME(A " && " B, a && b, "and");
    SAME(A " || " B, a || b, "or");
    SAME("!" A, !a, "not");
    SAME("! " A, !a, "with a blank");
    SAME("!!" A, a, "twice");
    SAME("(" A ")", a, "in parentheses");
    SAME(A " && " B " && " C, a && b && c, "three");
    SAME(A " || " B " && " C, a || (b && c), "and binds closer");
    SAME(A " && " B " || " C, (a && b) || c, "on either side");
    SAME("(" A " || " B ") && " C, (a || b) && c, "but for parentheses");
    SAME(A " && (" B " || " C ")", a && (b || c), "at the end");
    SAME("(" A ") && (" B ")", a && b, "around each");
    SAME("((" A ") || (" B " && (" C ")))", a || (b && c), "nested");
    SAME("( ( " A " ) || ( " B " && ( " C " ) ) )", a || (b && c), "with blanks");
    SAME("!(" A " && " B ")", !(a && b), "not of a group");
    SAME("!(!" A " || !(" B " && !" C "))", !(!a || !(b && !c)), "of groups within");
    SAME("! ( " A " || " B " ) || " C, !(a || b) || c, "with blanks");
    SAME(A " = 1 && " B " != 1 || " C " = 1", (a && !b) || c, "comparisons");
    SAME("(" A " = 1) && (" B " != 1)", a && !b, "in parentheses");
    SAME("(" A " = \"1\") && (" B " = '1')", a && b, "with quotes");
    SAME(A " ~ ^(1|2)$ && " B " ~* ^(?:(1)|x)$", a && b, "regexes");
    SAME("(" A " ~ (1)) && !(" B " !~ 1)", a && b, "whose parentheses are theirs");
    SAME("(" A " ~ ^\\(|1) && " B, a && b, "or escaped");
    SAME("(" A " ~ \"(1\\)|1)\") && " B, a && b, "or quoted");
    SAME("!-f /none && " A, a, "file tests");
    SAME("(-d /) && (!-e /none || " A ")", true, "in parentheses");
    SAME("-f /none || " A " && -d /", a, "mixed");
    SAME(A " = && || " B, b, "a value that looks like an operator");
    SAME("\n" A "\n && " B "\n", a && b, "over several lines");
}

static void captures(void)
{
    ok(holds("$uri ~ ^/(.*)/x && $arg_a = $1", "path", NULL), "captures for what follows");
    ok(!holds("$arg_b && $uri ~ ^/(.*)/x", "path", NULL), "what follows a false one is not asked");
}

static bool loads(const char *condition)
{
    char config[256];
    struct kit *kit;

    snprintf(config, sizeof(config),
             "events { } http { server { location / { if %s { return 200; } } } }", condition);
    kit = kit_load(config);
    if (kit != NULL)
        kit_free(kit);
    return kit != NULL;
}

static void forms(void)
{
    ok(loads("($uri)") && loads("( $uri )") && loads("( $uri = /a )"), "blanks inside");
    ok(loads("($uri ~ (a|b))"), "parentheses of a regex");
    ok(loads("($uri = &&)") && loads("($uri != ||)") && loads("(-f &&)"), "operators as values");
    ok(loads("($uri = a)b)") && loads("($uri ~ a\\))"), "a parenthesis in a value");
    kit_quiet = true;
    ok(!loads("$uri"), "no parentheses");
    ok(!loads("()"), "nothing");
    ok(!loads("($uri = )") && !loads("($uri /a)") && !loads("($uri == /a)"), "half a comparison");
    ok(!loads("($uri = a b)"), "too much");
    ok(!loads("(uri = a)") && !loads("(-z $uri)") && !loads("(-f)"), "no variable, no test");
    ok(!loads("($uri ~ a()"), "a broken regex");
    ok(!loads("(!uri)") && !loads("($uri == /a && $uri)"), "no more with operators");
    ok(!loads("($uri &&)") && !loads("(&& $uri)") && !loads("($uri && || $uri)"), "half a test");
    ok(!loads("(($uri && $uri)") && !loads("($uri && $uri))"), "parentheses that do not match");
    ok(!loads("($uri &&$uri)") && !loads("($uri && $uri $uri)"), "no operator between");
    ok(!loads("($uri && -f)") && !loads("($uri = && $uri)"), "half a test of another kind");
    ok(!loads("($uri \"&&\" $uri)"), "an operator is not quoted");
    ok(!loads("((((((((((((((((((((((((((((((((((((((((($uri && $uri)))))))))))))))))))"
              "))))))))))))))))))))))"), "too deep");
    kit_quiet = false;
}

int main(void)
{
    must(mkdtemp(dir) != NULL);
    variables();
    patterns();
    files();
    operators();
    captures();
    forms();
    rmdir(dir);
    return tap_done();
}
