/*
 * t/unit/upstream/check_match_test.c - which answers to health checks pass.
 */
#include "t/unit/upstream/match_toy.h"

#include "t/unit/tap.h"

static const char answer[] = "X-One: a\nSet-Cookie: b=1\nset-cookie: c=2\nEmpty:\n\nall is well";

/* What is wrong with an answer of status 200, under these tests. */
static const char *fault_of(const char *tests)
{
    char text[512];
    struct toy *toy;
    const char *fault;

    snprintf(text, sizeof(text), "events { } http { match m { %s } }", tests);
    match_loaded = NULL;
    toy = toy_load(text);
    must(toy->faults == 0 && match_loaded != NULL);
    fault = match_try(toy, 200, str_of(answer));
    toy_free(toy);
    return fault;
}

static void without_a_match(void)
{
    struct http_fields none;

    fields_init(&none, NULL);
    ok(check_match_fault(NULL, 200, &none, STR(""), NULL) == NULL, "200: good");
    is_str(check_match_fault(NULL, 199, &none, STR(""), NULL), "checking status code", "199: bad");
    is_str(check_match_fault(NULL, 400, &none, STR(""), NULL), "checking status code", "400: bad");
    ok(check_match_fault(NULL, 399, &none, STR(""), NULL) == NULL, "399: good");
}

static void status(void)
{
    ok(fault_of("") == NULL, "no test: all is good");
    ok(fault_of("status 200;") == NULL && fault_of("status 199-201;") == NULL, "this one");
    is_str(fault_of("status 201-299;"), "checking status code", "another one");
    is_str(fault_of("status ! 100-199 200;"), "checking status code", "not this one");
    is_str(fault_of("status 200; status 201;"), "checking status code", "two tests: both count");
}

static void header(void)
{
    ok(fault_of("header set-COOKIE;") == NULL, "names have no case");
    ok(fault_of("header Empty; header Empty = '';") == NULL, "it may be empty");
    ok(fault_of("header Set-Cookie = 'c=2';") == NULL, "one of several will do");
    is_str(fault_of("header Set-Cookie != 'c=2';"), "checking response header", "none may be that");
    is_str(fault_of("header None ~ .;"), "checking response header", "what is not there is none");
    ok(fault_of("header None !~ .; header ! None; header None != x;") == NULL, "and not something");
}

static void body(void)
{
    ok(fault_of("body ~ well$;") == NULL, "found");
    is_str(fault_of("body ~ Well;"), "checking response body", "not found");
    ok(fault_of("body ~* Well;") == NULL, "but for case");
    is_str(fault_of("body !~* ALL;"), "checking response body", "found, and must not be");
}

static void variables(void)
{
    ok(fault_of("require $yes;") == NULL, "set");
    is_str(fault_of("require $yes $zero;"), "checking required variables", "0 is not");
    is_str(fault_of("require $empty;"), "checking required variables", "nor is nothing");
}

/* What backtracks without end is neither there nor not there. */
static void giving_up(void)
{
    static char text[300] = "\n";
    struct toy *toy;

    memset(text + 1, 'a', sizeof(text) - 2);
    toy = toy_load("events { } http { match m { body ~ '(a+)+[bc]$'; } }");
    is_str(match_try(toy, 200, str_of(text)), "checking response body", "given up: not found");
    toy_free(toy);
    toy = toy_load("events { } http { match m { body !~ '(a+)+[bc]$'; } }");
    is_str(match_try(toy, 200, str_of(text)), "checking response body", "nor known to be absent");
    toy_free(toy);
}

int main(void)
{
    modules_number();
    without_a_match();
    status();
    header();
    body();
    variables();
    giving_up();
    return tap_done();
}
