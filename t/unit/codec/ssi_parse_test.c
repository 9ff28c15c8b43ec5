/*
 * t/unit/codec/ssi_parse_test.c - the grammar of server side includes, however a page is cut.
 *
 * What is found is written down: text as it is, a command as {name key=value}, a faulty one as
 * {!name}, one without end as {?name}.
 */
#include <stdlib.h>

#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/codec/ssi_parse.h"

#define VALUE_MAX 20

struct writer {
    char text[4096];
    size_t len;
};

static void add(struct writer *w, struct str s)
{
    must(w->len + s.len < sizeof(w->text));
    memcpy(w->text + w->len, s.data, s.len);
    w->len += s.len;
}

static void add_command(struct writer *w, const struct ssi_parser *p, const char *open)
{
    add(w, str_of(open));
    add(w, p->command);
    for (uint32_t i = 0; open[1] == '\0' && i < p->param_count; i++) {
        add(w, STR(" "));
        add(w, p->params[i].name);
        add(w, STR("="));
        add(w, p->params[i].value);
    }
    add(w, p->too_many ? STR(" ...}") : STR("}"));
}

static void feed(struct ssi_parser *p, struct writer *w, struct str in)
{
    char *copy = malloc(in.len > 0 ? in.len : 1); /* a read beyond its end would be seen */
    struct str rest = {memcpy(copy, in.data, in.len), in.len}, text;
    enum ssi_found found;

    while ((found = ssi_parse(p, &rest, &text)) != SSI_MORE) {
        if (found == SSI_TEXT)
            add(w, text);
        else
            add_command(w, p, found == SSI_COMMAND ? "{" : "{!");
    }
    must(rest.len == 0);
    free(copy);
}

static struct str end(struct ssi_parser *p, struct writer *w)
{
    add(w, ssi_parse_end(p));
    if (p->fault != NULL)
        add_command(w, p, "{?");
    ssi_parse_fini(p);
    return (struct str){w->text, w->len};
}

static bool is_same_in_pieces(struct str page, const char *want)
{
    for (size_t first = 0; first <= page.len; first++) {
        for (size_t step = 1; step < 4; step++) {
            struct writer w = {.len = 0};
            struct ssi_parser p;

            ssi_parse_init(&p, VALUE_MAX);
            feed(&p, &w, (struct str){page.data, first});
            for (size_t at = first; at < page.len; at += step)
                feed(&p, &w, (struct str){page.data + at, MIN(step, page.len - at)});
            if (!str_eq(end(&p, &w), str_of(want)))
                return false;
        }
    }
    return true;
}

static void finds(const char *page, const char *want)
{
    struct writer w = {.len = 0};
    struct ssi_parser p;

    ssi_parse_init(&p, VALUE_MAX);
    feed(&p, &w, str_of(page));
    is_slice(end(&p, &w), want, page);
    ok(is_same_in_pieces(str_of(page), want), "  the same in pieces");
}

static void text_is_text(void)
{
    finds("", "");
    finds("plain", "plain");
    finds("<html><!-- comment --><!DOCTYPE><", "<html><!-- comment --><!DOCTYPE><");
    finds("a<!-", "a<!-");
    finds("a<!--", "a<!--");
    finds("<<!<!-<!--<!--x", "<<!<!-<!--<!--x");
    finds("<!-- # echo -->", "<!-- # echo -->");
}

static void commands_are_commands(void)
{
    finds("a<!--#echo var=\"uri\"-->b", "a{echo var=uri}b");
    finds("<!--# echo\r\n\tvar = 'uri' default= \"a b\" -->", "{echo var=uri default=a b}");
    finds("<!--# endif -->x", "{endif}x");
    finds("<!--# endif--><!--#endif-->", "{endif}{endif}");
    finds("<<!--#e--><!<!--#e--><!-<!--#e--><!--<!--#e-->", "<{e}<!{e}<!-{e}<!--{e}");
    finds("<!--#s v=\"a\\\"b'c\\\\\" w='\"\\''-->", "{s v=a\\\"b'c\\\\ w=\"\\'}");
    finds("<!--#s v=\"\" w=\"-->\" -->", "{s v= w=-->}");
    finds("<!--#s \"k\"=\"v\"-->", "{s \"k\"=v}");
}

static void faults_end_with_the_command(void)
{
    finds("a<!--#echo var=uri -->b", "a{!echo}b");
    finds("<!--#echo var-->b-->c", "{!echo}b-->c");
    finds("<!--#echo var -->b", "{!echo}b");
    finds("<!--#echo var=\"uri\"x -->b", "{!echo}b");
    finds("<!--#echo var=\"uri\" - -->b", "{!echo}b");
    finds("<!--#echo var=\"uri\" --->b-->c", "{!echo}c");
    finds("<!--#e- --->b-->c", "{!e}c");
    finds("<!--# -->b-->c", "{!-}c");
    finds("<!--#-->b", "{?-}");
    finds("<!--#bad!---->]a-->b", "{!bad!}b");
    finds("<!--#e a-b=\"\" <!--#x --->y--> z", "{!e} z");
}

static void limits_are_kept(void)
{
    finds("<!--#abcdefghijklmnopqrstuvwxyzabcdef-->", "{abcdefghijklmnopqrstuvwxyzabcdef}");
    finds("<!--#abcdefghijklmnopqrstuvwxyzabcdefg v=\"\" -->",
          "{!abcdefghijklmnopqrstuvwxyzabcdef}");
    finds("<!--#e abcdefghijklmnopqrstuvwxyzabcdef='v'-->",
          "{e abcdefghijklmnopqrstuvwxyzabcdef=v}");
    finds("<!--#e abcdefghijklmnopqrstuvwxyzabcdefg='v'-->", "{!e}");
    finds("<!--#e v='12345678901234567890'-->", "{e v=12345678901234567890}");
    finds("<!--#e v='123456789012345678901'-->x", "{!e}x");
    finds("<!--#e v='1234567890123456789\\1'-->x", "{!e}x");
    finds("<!--#e a='1' a='2' a='3' a='4' a='5' a='6' a='7' a='8' a='9' a='a' a='b' a='c' a='d' "
          "a='e' a='f' a='g' a='h' a='i'-->x",
          "{e a=1 a=2 a=3 a=4 a=5 a=6 a=7 a=8 a=9 a=a a=b a=c a=d a=e a=f a=g ...}x");
}

static void an_end_in_a_command_is_told(void)
{
    finds("a<!--#", "a{?}");
    finds("a<!--# ech", "a{?ech}");
    finds("a<!--# echo va", "a{?echo}");
    finds("a<!--# echo var='x", "a{?echo}");
    finds("a<!--# echo var='x' --", "a{?echo}");
    finds("a<!--# echo var=x -", "a{?echo}");
}

/* A command that never ends must not take memory. */
static void an_endless_command_takes_no_memory(void)
{
    static char junk[65536];
    struct ssi_parser p;
    struct writer w = {.len = 0};

    memset(junk, 'x', sizeof(junk));
    ssi_parse_init(&p, 1000);
    feed(&p, &w, STR("<!--#e "));
    for (int i = 0; i < 1000; i++)
        feed(&p, &w, STR("abc='1234567890' "));
    ok(p.memory.end - p.memory.start <= 32 * 1024, "many parameters");
    for (int i = 0; i < 100; i++)
        feed(&p, &w, (struct str){junk, sizeof(junk)});
    ok(p.memory.end - p.memory.start <= 32 * 1024, "and no end");
    is_int((int64_t)w.len, 0, "nothing comes of it");
    end(&p, &w);
}

int main(void)
{
    clock_update();
    text_is_text();
    commands_are_commands();
    faults_end_with_the_command();
    limits_are_kept();
    an_end_in_a_command_is_told();
    an_endless_command_takes_no_memory();
    return tap_done();
}
