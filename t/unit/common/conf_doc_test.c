/*
 * t/unit/common/conf_doc_test.c - arity from the syntax, and what is printed of a row.
 */
#include <stdlib.h>

#include "common/conf_doc.h"
#include "t/unit/common/conf_toy.h"
#include "t/unit/tap.h"

/* "min-max", with "{" for a block. */
static const char *arity(const char *args)
{
    static char out[64];
    struct conf_arity a = conf_arity(args);

    if (a.max == CONF_ARGS_MANY)
        snprintf(out, sizeof(out), "%u+%s", a.min, a.block ? "{" : "");
    else
        snprintf(out, sizeof(out), "%u-%u%s", a.min, a.max, a.block ? "{" : "");
    return out;
}

static void reads_arity(void)
{
    is_str(arity(""), "0-0", "none");
    is_str(arity("{ }"), "0-0{", "just a block");
    is_str(arity("file"), "1-1", "one");
    is_str(arity("on|off"), "1-1", "a choice");
    is_str(arity("on | off"), "1-1", "a choice with spaces");
    is_str(arity("key zone=name:size [rate=rate] [sync]"), "2-4", "optional ones");
    is_str(arity("name ..."), "1+", "many");
    is_str(arity("name..."), "1+", "many, dots attached");
    is_str(arity("[name ...]"), "0+", "any number");
    is_str(arity("code [text] ..."), "1+", "dots behind a bracket");
    is_str(arity("address[:port] [option ...]"), "1+", "brackets in a word");
    is_str(arity("threads[=pool]"), "1-1", "brackets at its end");
    is_str(arity("[ = | ~ | ~* | ^~ ] uri { }"), "1-2{", "an optional choice");
    is_str(arity("path [level1 [level2 [level3]]]"), "1-4", "nested brackets");
    is_str(arity("off | path [format [buffer=size]]"), "1-3", "a choice that goes on");
    is_str(arity("auto [mask] ;; mask ..."), "1+", "two syntaxes");
}

static char *printed(bool (*print)(FILE *, struct str), const char *name)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (print != NULL)
        ok(print(out, str_of(name)), "there is such a row");
    else
        conf_doc_dump(out);
    fclose(out);
    return text;
}

static void prints_rows(void)
{
    char *text = printed(conf_doc_print, "root");

    is_str(text, "root path;\n    Where files are.\n    default:  root html;\n"
                 "    context:  http, server, location\n    module:   web - A toy.\n", "help");
    free(text);
    text = printed(NULL, NULL);
    ok(strstr(text, "\nweb\tA toy.\troot\thttp|server|location\tpath\thtml\tWhere files are.\n"),
       "a line of the dump");
    free(text);
    ok(!conf_doc_print(stdout, STR("nosuch")), "nothing for an unknown name");
}

int main(void)
{
    reads_arity();
    prints_rows();
    return tap_done();
}
