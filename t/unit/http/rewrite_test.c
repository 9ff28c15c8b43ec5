/*
 * t/unit/http/rewrite_test.c - programs of rewrite, return, set, if and break, run dry.
 */
#include "t/unit/http/http_modules.h"
#include "t/unit/tap.h"

/* Where a request ends that is for `target`, in a server of these directives: "status location",
   or "status name" without one. */
static const char *runs(const char *directives, const char *target)
{
    static char config[2048], result[256];
    struct dry_answer answer;
    struct kit *kit;
    struct str where;

    snprintf(config, sizeof(config),
             "events { } http { server { listen 127.0.0.1:80; absolute_redirect off;\n%s } }",
             directives);
    kit = kit_load(config);
    if (kit == NULL)
        return "does not load";
    answer = kit_ask(kit, target, NULL, NULL);
    where = answer.location.len > 0 ? answer.location : answer.handled_by;
    snprintf(result, sizeof(result), "%d %" STR_FMT, answer.status, STR_ARG(where));
    kit_free(kit);
    return result;
}

#define ENDS "location /a/ { return 201; } location /b/ { return 202; } location / { return 200; }"

static void of_a_server(void)
{
    is_str(runs("rewrite ^/x/(.*) /a/$1;" ENDS, "/x/1"), "201 /a/", "decides the location");
    is_str(runs("rewrite ^/x/ /a/; rewrite ^/a/ /b/;" ENDS, "/x/1"), "202 /b/", "one by one");
    is_str(runs("rewrite ^/x/ /a/ last; rewrite ^/a/ /b/;" ENDS, "/x/1"), "201 /a/", "until last");
    is_str(runs("rewrite ^/x/ /a/ break; rewrite ^/a/ /b/;" ENDS, "/x/1"), "201 /a/", "or break");
    is_str(runs("rewrite ^/x/ /a/; break; rewrite ^/a/ /b/;" ENDS, "/x/1"), "201 /a/",
           "or a break of its own");
    is_str(runs("return 403;" ENDS, "/a/"), "403 ", "return comes before all locations");
    is_str(runs("if ($arg_q) { rewrite ^ /b/ last; } return 204;" ENDS, "/a/?q=1"), "202 /b/",
           "a last inside an if ends all of it");
    is_str(runs("if ($arg_q) { set $v 1; } if ($v) { return 206; }" ENDS, "/a/?q=1"), "206 ",
           "what an if has set, the next one sees");
}

static void of_a_location(void)
{
    is_str(runs("location /x/ { rewrite ^/x/(.*) /a/$1 last; return 500; }" ENDS, "/x/1"),
           "201 /a/", "last looks for the location anew");
    is_str(runs("location /x/ { rewrite ^/x/(.*) /a/$1 break; return 500; away; }" ENDS, "/x/1"),
           "200 /x/", "break stays");
    is_str(runs("location /x/ { rewrite ^/x/(.*) /a/$1; }" ENDS, "/x/1"), "201 /a/",
           "without a flag at the end of the steps");
    is_str(runs("location /x/ { rewrite ^/x/(.*) /a/$1; return 205; }" ENDS, "/x/1"), "205 /x/",
           "if nothing answers before");
    is_str(runs("location /x/ { rewrite ^/x/ /x/ last; }" ENDS, "/x/1"), "500 /x/",
           "a circle ends");
    is_str(runs("location /x/ { if ($uri ~ (\\d)$) { return 302 /n$1; } }" ENDS, "/x/7"), "302 /n7",
           "captures of a condition");
    is_str(runs("location /x/ { set $v $uri; rewrite ^ /a/?v=$v last; }\n"
                "location /a/ { return 302 /got$args; }", "/x/1"), "302 /gotv=/x/1",
           "a variable keeps its value");
    is_str(runs("location /x/ { if ($arg_q) { } if ($arg_r) { away; } return 204; }", "/x/?q=1"),
           "204 /x/", "an if without steps goes on behind it");
}

static void handlers_within_an_if(void)
{
    is_str(runs("location /x/ { away; if ($arg_q) { set $v 1; } }", "/x/?q=1"), "200 /x/",
           "an if has the handler of its location");
    is_str(runs("location /x/ { if ($arg_q) { root /; } away; }", "/x/?q=1"), "200 /x/",
           "with directives of other modules, and written before it");
    is_str(runs("location /x/ { if ($arg_q) { } away; }", "/x/?q=1"), "200 /x/",
           "and with none at all");
    is_str(runs("location /x/ { if ($arg_q) { away; } }", "/x/?q=1"), "200 /x/", "one of its own");
    is_str(runs("location /x/ { if ($arg_q) { away; } }", "/x/"), "403 /x/",
           "is not the location's");
}

static void arguments(void)
{
#define REDIRECT(to) "location /x/ { rewrite ^/x/(.*) " to " redirect; }"
    is_str(runs(REDIRECT("/n/$1"), "/x/1?a=b"), "302 /n/1?a=b", "are kept");
    is_str(runs(REDIRECT("/n?p=$1"), "/x/1?a=b"), "302 /n?p=1&a=b", "and follow new ones");
    is_str(runs(REDIRECT("/n?p=$1"), "/x/1"), "302 /n?p=1", "which may stand alone");
    is_str(runs(REDIRECT("/n?p=$1?"), "/x/1?a=b"), "302 /n?p=1", "? at the end drops them");
    is_str(runs(REDIRECT("/n?"), "/x/1?a=b"), "302 /n", "also alone");
    is_str(runs(REDIRECT("/n/$1"), "/x/%2521?a=%20"), "302 /n/%2521?a=%20", "codes stay codes");
    is_str(runs("rewrite ^ https://o$uri permanent;", "/x"), "301 https://o/x", "another server");
    is_str(runs("rewrite ^ http://o/;", "/x"), "302 http://o/", "is a redirect without a flag");
}

static void returns(void)
{
    is_str(runs("return http://o/$arg_a;", "/?a=1"), "302 http://o/1", "a URL alone");
    is_str(runs("return 308 /n;", "/"), "308 /n", "a status and a place");
    is_str(runs("return 200 text;", "/"), "200 ", "a text");
    is_str(runs("return 404 text;", "/"), "404 ", "a text for an error");
    kit_quiet = true;
    is_str(runs("return 1000;", "/"), "does not load", "no status");
    is_str(runs("return word;", "/"), "does not load", "no URL");
    is_str(runs("set v 1;", "/"), "does not load", "no variable");
    is_str(runs("set $uri 1;", "/"), "does not load", "one that cannot be set");
    is_str(runs("rewrite ^ /a first;", "/"), "does not load", "an unknown flag");
    is_str(runs("rewrite a( /a;", "/"), "does not load", "a broken regex");
    is_str(runs("rewrite ^ /$nothing;", "/"), "does not load", "an unknown variable");
    kit_quiet = false;
}

/* Ten thousand steps are loaded in time that grows with their number, not with its square. */
static void a_long_program(void)
{
    static char config[400000];
    char *p = config;
    struct kit *kit;

    p += sprintf(p, "events { } http { server { listen 127.0.0.1:80; location / {\n");
    for (int i = 0; i < 10000; i++)
        p += sprintf(p, "set $v%d %d;\n", i % 10, i);
    sprintf(p, "return 302 /$v9; } } }");
    kit = kit_load(config);
    if (ok(kit != NULL, "ten thousand steps"))
        is_slice(kit_ask(kit, "/", NULL, NULL).location, "/9999", "all are run");
    kit_free(kit);
}

int main(void)
{
    process_log.level = LOG_EMERG;
    of_a_server();
    of_a_location();
    handlers_within_an_if();
    arguments();
    returns();
    a_long_program();
    return tap_done();
}
