/*
 * t/unit/common/conf_fault_test.c - what is said of each kind of fault, and where.
 */
#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

/* Loads a text and compares all that is said. */
static void says(const char *text, const char *want, const char *what)
{
    struct toy *toy = toy_load(text);

    is_str(toy->said, want, what);
    toy_free(toy);
}

/* The same for one fault in a server; `in` is its position there. */
static void server_says(const char *directives, const char *want, const char *what)
{
    char text[1024], line[1024];

    snprintf(text, sizeof(text), "http { server {\n%s\n} }", directives);
    snprintf(line, sizeof(line), "[emerg] %s\n", want);
    says(text, line, what);
}

static void names(void)
{
    server_says("sendfiel on;", "unknown directive \"sendfiel\" in /etc/t.conf:2:1 "
                "(did you mean \"sendfile\"?)", "a slip");
    server_says("frobnicate { x; }", "unknown directive \"frobnicate\" in /etc/t.conf:2:1",
                "nothing like it, and its block is skipped");
    server_says("gzip on; gzip off;\ngzip on;", "\"gzip\" directive is not supported by this "
                "version of Weir in /etc/t.conf:2:1 (nginx module http_gzip_filter; and in 2 more "
                "places)",
                "known to nginx, several times");
    server_says("gzip on;", "\"gzip\" directive is not supported by this version of Weir in "
                "/etc/t.conf:2:1 (nginx module http_gzip_filter)", "known to nginx");
    server_says("  daemon on;", "\"daemon\" directive is not allowed here in /etc/t.conf:2:3 "
                "(belongs in: main)", "the wrong place");
    says("server { listen x; }", "[emerg] \"server\" directive is not allowed here in "
         "/etc/t.conf:1:1 (belongs in: http, upstream)\n", "places of several rows are joined");
}

static void what_nginx_has_no_more(void)
{
    server_says("ssl on;", "unknown directive \"ssl\" in /etc/t.conf:2:1 (gone from nginx "
                "1.25.1: use the \"ssl\" parameter of \"listen\")", "an old directive");
    says("http { content_by_lua_block { if x == '\"' then return {} end }\nroot; }",
         "[emerg] unknown directive \"content_by_lua_block\" in /etc/t.conf:1:8 "
         "(Weir runs no Lua)\n"
         "[emerg] invalid number of arguments in \"root\" directive in /etc/t.conf:2:1 "
         "(syntax: root path;)\n", "another language is stepped over");
}

static void forms(void)
{
    server_says("root;", "invalid number of arguments in \"root\" directive in /etc/t.conf:2:1 "
                "(syntax: root path;)", "too few");
    server_says("root a\nsendfile on;", "invalid number of arguments in \"root\" directive in "
                "/etc/t.conf:2:1 (is \";\" missing at the end of line 2? syntax: root path;)",
                "a forgotten semicolon");
    server_says("root a { }", "directive \"root\" is not terminated by \";\" in /etc/t.conf:2:1 "
                "(syntax: root path;)", "a block too many");
    server_says("location /;", "directive \"location\" has no opening \"{\" in /etc/t.conf:2:1 "
                "(syntax: location [=|~] uri { ... })", "a block missing");
    server_says("root a;\nroot b;", "\"root\" directive is duplicate in /etc/t.conf:3:1 "
                "(first in /etc/t.conf:2:1)", "twice");
    says("http { server {\nmethods get\nroot /x; } }",
         "[emerg] invalid value \"root\" in \"methods\" directive in /etc/t.conf:3:1 "
         "(is \";\" missing at the end of line 2?)\n", "a name swallowed");
    says("http { server {\nwords get\nroot /x; } }",
         "[warn] \"root\" is taken as an argument of \"words\" in /etc/t.conf:3:1 "
         "(is \";\" missing at the end of line 2?)\n", "also where any word will do");
}

static void values(void)
{
    server_says("sendfile maybe;", "invalid value \"maybe\" in \"sendfile\" directive, it must be "
                "\"on\" or \"off\" in /etc/t.conf:2:10", "a flag");
    server_says("limit_status 99;", "\"limit_status\" takes 400 to 599, not \"99\" in "
                "/etc/t.conf:2:14", "a number out of range");
    server_says("limit_status x;", "\"limit_status\" directive invalid number in /etc/t.conf:2:14 "
                "(a number has only digits, not \"x\")", "no number");
    server_says("body_size 1k5;", "\"body_size\" directive invalid value in /etc/t.conf:2:11 "
                "(a size is a number of bytes, or of k, m or g: 8k, not \"1k5\")", "no size");
    server_says("body_size 10;", "\"body_size\" takes 1k or more, not \"10\" in /etc/t.conf:2:11",
                "a size too small");
    server_says("send_timeout -1;", "\"send_timeout\" directive invalid value in /etc/t.conf:2:14 "
                "(a time is a number of seconds, or of ms, s, m, h, d, w: 1m30s, "
                "not \"-1\")", "no time");
    server_says("satisfy al;", "invalid value \"al\" in \"satisfy\" directive in /etc/t.conf:2:9 "
                "(it takes: all, any)", "no such word");
    server_says("methods get delet;", "invalid value \"delet\" in \"methods\" directive in "
                "/etc/t.conf:2:13 (did you mean \"delete\"?)", "nearly one");
    server_says("buffers 0 4k;", "\"buffers\" directive invalid value in /etc/t.conf:2:9 "
                "(a number above 0 and a size, as in \"4 8k\")", "no buffers");
    server_says("title \"a $\";", "invalid variable name in /etc/t.conf:2:7", "no variable");
    server_says("title $hots;",
                "unknown \"hots\" variable in /etc/t.conf:2:1 (did you mean \"$host\"?)",
                "an unknown one");
    server_says("set $host 1;", "the duplicate \"host\" variable in /etc/t.conf:2:5",
                "apply's own");
}

static void syntax(void)
{
    says("http {\n", "[emerg] unexpected end of file, expecting \"}\" in /etc/t.conf:2:1 "
         "(the \"http\" block opened on line 1 is not closed)\n", "a block not closed");
    says("http {\n    server {\n        root /;\n    server {\n    }\n}\n",
         "[emerg] unexpected end of file, expecting \"}\" in /etc/t.conf:7:1 (the \"server\" block "
         "opened on line 2 seems to lack its \"}\" before line 4)\n", "which one, by indentation");
    says("pid x;\n}\n", "[emerg] unexpected \"}\" in /etc/t.conf:2:1\n", "a brace too many");
    says("pid x }", "[emerg] unexpected \"}\" in /etc/t.conf:1:7 (is \";\" missing after \"x\" on "
         "line 1?)\n", "no semicolon");
    says("daemon on;\npid\n x", "[emerg] unexpected end of file, expecting \";\" or \"}\" in "
         "/etc/t.conf:3:3 (\"pid\" began on line 2)\n", "no semicolon at the end");
    says("pid \"x;\n", "[emerg] unexpected end of file, expecting \";\" or \"}\" in "
         "/etc/t.conf:2:1 (a quote opened on line 1 is not closed)\n", "no quote");
    says("pid a\001b c;", "[emerg] invalid number of arguments in \"pid\" directive in "
         "/etc/t.conf:1:1 (syntax: pid file;)\n", "odd bytes");
    says("\001\033[2J;", "[emerg] unknown directive \"\\x01\\x1B[2J\" in /etc/t.conf:1:1\n",
         "control bytes do not reach the terminal");
}

static void many_at_once(void)
{
    char text[8192] = "http { ", *p = text + strlen(text);
    struct toy *toy = toy_load(
        "http {\n  server {\n    location / { body_size x; }\n    sendfile x;\n  }\n  root;\n}");

    is_int(toy->faults, 3, "all faults are found");
    is_str(toy->said,
           "[emerg] \"body_size\" directive invalid value in /etc/t.conf:3:28 (a size is a number "
           "of bytes, or of k, m or g: 8k, not \"x\")\n"
           "[emerg] invalid value \"x\" in \"sendfile\" directive, it must be \"on\" or \"off\" in "
           "/etc/t.conf:4:14\n"
           "[emerg] invalid number of arguments in \"root\" directive in /etc/t.conf:6:3 "
           "(syntax: root path;)\n", "in the order of the file");
    toy_free(toy);
    for (int i = 0; i < 200; i++)
        p += sprintf(p, "nosuch_%d x;\n", i);
    strcpy(p, "}");
    toy = toy_load(text);
    ok(strstr(toy->said, "nosuch_99 ") == NULL && strstr(toy->said, "\"nosuch_99\"") != NULL &&
           strstr(toy->said, "nosuch_100") == NULL, "a hundred of them");
    ok(strstr(toy->said, "[emerg] too many faults: stopped looking after 100\n") != NULL,
       "and a line that says so");
    toy_free(toy);
}

static void with_caret(void)
{
    struct toy *toy = calloc(1, sizeof(*toy));
    struct conf_options options = {.file = "/etc/t.conf", .color = true,
                                   .text = STR("pid x;\n\tdaemon\tmaybe; # why\n")};

    toy->gen.pool = pool_create(65536);
    toy->gen.prefix = STR("/");
    conf_load(&toy->gen, &options, toy_report, toy);
    ok(strstr(toy->said, ":2:9\n    \tdaemon\tmaybe; # why\n    \t      \t^\n") != NULL,
       "source and caret");
    toy_free(toy);
}

static void levels(void)
{
    says("timer_resolution 1s; http { }", "[notice] \"timer_resolution\" has no effect here: the "
         "clock is read once for each turn of the loop in /etc/t.conf:1:1\n", "a notice");
    says("load_module modules/ngx_http_web_module.so;", "[notice] \"http_web_module\" is built in "
         "in /etc/t.conf:1:1\n", "a module that is in");
    says("load_module modules/ngx_http_brotli_module.so;", "[emerg] module \"http_brotli_module\" "
         "cannot be loaded in /etc/t.conf:1:13 (Weir has no loadable modules)\n",
         "one that is not");
}

int main(void)
{
    names();
    what_nginx_has_no_more();
    forms();
    values();
    syntax();
    many_at_once();
    with_caret();
    levels();
    return tap_done();
}
