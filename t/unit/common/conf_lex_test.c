/*
 * t/unit/common/conf_lex_test.c - words, quotes, escapes and places; each case was tried on nginx.
 */
#include "common/conf_lex.h"
#include "t/unit/tap.h"

#include <stdlib.h>

static struct pool *pool;

/* Everything read: words joined by "|", then ; { or }; a fault as "!text@line:col". */
static const char *lexed(struct str text)
{
    static char out[8192];
    struct conf_lexer lex;
    enum conf_lex got;
    size_t len = 0;

    out[0] = '\0';
    conf_lex_init(&lex, pool, text);
    while ((got = conf_lex_next(&lex)) != LEX_END) {
        if (got == LEX_FAULT) {
            snprintf(out + len, sizeof(out) - len, "!%s@%u:%u", lex.fault, lex.at_line,
                     lex.at_col);
            break;
        }
        for (uint32_t i = 0; i < lex.count; i++)
            len += (size_t)sprintf(out + len, "%s%" STR_FMT, i > 0 ? "|" : "",
                                   STR_ARG(lex.words[i].text));
        len += (size_t)sprintf(out + len, "%s",
                               got == LEX_SIMPLE ? ";" : got == LEX_BLOCK ? "{" : "}");
    }
    return out;
}

#define lexes(text, want, what) is_str(lexed(STR(text)), want, what)

static void cuts_words(void)
{
    lexes("", "", "nothing");
    lexes("a b  c;d;", "a|b|c;d;", "two directives");
    lexes("a{b c;}\n}", "a{b|c;}}", "blocks");
    lexes("a b{c;}", "a|b{c;}", "a brace ends a word");
    lexes("a b};", "a|b};", "but a closing one does not");
    lexes("a\r\n\tb;\r\n", "a|b;", "carriage returns are blanks");
    lexes("\xEF\xBB\xBF" "a;", "a;", "a byte order mark is skipped");
    lexes("# x;\na; # y }\n#z", "a;", "comments");
    lexes("a b#c;", "a|b#c;", "no comment inside a word");
}

static void keeps_variables_whole(void)
{
    lexes("a ${b}c;", "a|${b}c;", "braces after a dollar");
    lexes("a x${b}{", "a|x${b}{", "and a block after them");
    lexes("a $b{", "a|$b{", "a brace later ends the word");
    lexes("a $${b};", "a|$${b};", "two dollars");
    lexes("a ${{b;", "a|${{b;", "a second brace belongs too");
}

static void takes_the_environment(void)
{
    setenv("WEIR_A", "a b;{$x \\n", 1);
    setenv("WEIR_EMPTY", "", 1);
    unsetenv("WEIR_NONE");
    lexes("x ${env:WEIR_A};", "x|a b;{$x \\n;", "a value is part of the word, whatever is in it");
    lexes("x \"<${env:WEIR_A}${env:WEIR_EMPTY}>\" y;", "x|<a b;{$x \\n>|y;", "in quotes too");
    lexes("x ${env:WEIR_EMPTY}{", "x|{", "an empty one makes an empty word");
    lexes("x ${env:WEIR_NONE:-d}e;", "x|de;", "a default");
    lexes("x ${env:WEIR_NONE:-};", "x|;", "an empty default");
    lexes("x ${env:WEIR_EMPTY:-d};", "x|d;", "for an empty variable too");
    lexes("x ${env:WEIR_A:-d};", "x|a b;{$x \\n;", "not where there is a value");
    lexes("x '${env:WEIR_NONE:-d \"e\"; $f:-g\\'}';", "x|d \"e\"; $f:-g\\';", "of many words");
    lexes("x \\${env:WEIR_NONE} \\\\${env:WEIR_EMPTY}y;", "x|\\${env:WEIR_NONE}|\\y;",
          "a backslash leaves it as it is");
    lexes("x $env:A ${envy} $${env:WEIR_EMPTY}${x};", "x|$env:A|${envy}|$${x};", "others stay");
    lexes("# ${env:WEIR_NONE}\nx;", "x;", "not in comments");
    lexes("x ${env:WEIR_NONE};", "!environment variable \"WEIR_NONE\" is not set@1:3", "not set");
    lexes("x\n  'a\nbc${env:WEIR_NONE}';",
          "!environment variable \"WEIR_NONE\" is not set@3:3", "its place in a long word");
    lexes("x 'a${env:WEIR_NONE}';", "!environment variable \"WEIR_NONE\" is not set@1:5",
          "and behind a quote");
    lexes("x ${env:};", "!invalid environment variable name \"\"@1:3", "no name");
    lexes("x ${env:1A};", "!invalid environment variable name \"1A\"@1:3", "a bad name");
    lexes("x ${env:A-b};", "!invalid environment variable name \"A-b\"@1:3", "a dash alone");
    lexes("x ${env:A:=b};", "!invalid environment variable name \"A:=b\"@1:3", "an equals sign");
    lexes("x ${env:A:-a b};", "!\"${env:A:-a\" is not closed by \"}\"@1:3", "a space, no quotes");
    lexes("x ${env:WEIR_NONE:-${env:B}};",
          "!a default within \"${env:...}\" cannot have variables@1:3", "no nesting");
}

static void takes_quotes(void)
{
    lexes("a \"b c;{}#\" 'd \"e';", "a|b c;{}#|d \"e;", "anything in quotes");
    lexes("a \"\" '';", "a||;", "empty words");
    lexes("a \"b\nc\";", "a|b\nc;", "lines in quotes");
    lexes("a b\"c;", "a|b\"c;", "a quote inside a word is itself");
    lexes("a \"b\"{c;}", "a|b{c;}", "a block behind quotes");
    lexes("a (\"b\");", "a|(\"b\");", "an open paren before quotes makes them plain");
    lexes("a \"b\")c;", "a|b|)c;", "a paren may follow");
    lexes("a \"b\"c;", "!unexpected \"c\"@1:6", "a letter may not");
    lexes("a 'b'#c\n;", "!unexpected \"#\"@1:6", "nor a comment");
}

static void takes_escapes(void)
{
    lexes("a \"b\\\"c\\\\d\\'\";", "a|b\"c\\d';", "quotes and backslash");
    lexes("a \\t\\r\\n\\d;", "a|\t\r\n\\d;", "named bytes; others keep the backslash");
    lexes("a b\\ c\\;d\\{e;", "a|b\\ c\\;d\\{e;", "a backslash keeps a word going");
    lexes("a \\\"b c\\\";", "a|\"b|c\";", "an escaped quote opens nothing");
    lexes("a \\#b;", "a|\\#b;", "nor an escaped hash a comment");
}

static void tells_faults(void)
{
    lexes("a;\n;", "a;!unexpected \";\"@2:1", "nothing before ;");
    lexes("a;  {", "a;!unexpected \"{\"@1:5", "nothing before {");
    lexes("a b }", "!unexpected \"}\"@1:5", "} before ;");
    lexes("a b\n", "!unexpected end of file, expecting \";\" or \"}\"@2:1", "no ;");
    lexes("a", "!unexpected end of file, expecting \";\" or \"}\"@1:2", "a word cut off");
    lexes("a 'b;\n", "!unexpected end of file, expecting \";\" or \"}\"@2:1", "no closing quote");
    lexes("a \\", "!unexpected end of file, expecting \";\" or \"}\"@1:4", "nothing escaped");
}

static void limits_words(void)
{
    char text[CONF_WORD_MAX + 16] = "a ";
    size_t len;

    memset(text + 2, 'x', CONF_WORD_MAX);
    strcpy(text + 2 + CONF_WORD_MAX, ";");
    len = strlen(text);
    is_int((int64_t)strlen(lexed((struct str){text, len})), (int64_t)len, "the longest word");
    strcpy(text + 2 + CONF_WORD_MAX, "x;");
    is_str(lexed((struct str){text, len + 1}),
           "!too long parameter \"xxxxxxxxxx...\" started@1:3", "one byte more");
    text[2] = '"';
    strcpy(text + 2 + CONF_WORD_MAX, "xxx");
    is_str(lexed(str_of(text)),
           "!too long parameter, probably missing terminating \"\"\" character@1:3",
           "a quote left open");
}

static void knows_places(void)
{
    struct conf_lexer lex;

    conf_lex_init(&lex, pool, STR("# c\n  root \"a\nb\"  c;\n}"));
    conf_lex_next(&lex);
    is_int(lex.words[0].line, 2, "line of the name");
    is_int(lex.words[0].col, 3, "column of the name");
    is_int(lex.words[1].col, 8, "column of a quoted word is its quote's");
    ok(lex.words[1].quoted && !lex.words[2].quoted, "quoted or not");
    is_int(lex.words[2].line, 3, "lines within quotes count");
    is_int(lex.words[2].col, 5, "and columns begin anew");
    is_int(conf_lex_next(&lex), LEX_CLOSE, "the end of a block");
    is_int(lex.at_line * 100 + lex.at_col, 401, "and its place");
}

int main(void)
{
    pool = pool_create(65536);
    cuts_words();
    keeps_variables_whole();
    takes_the_environment();
    takes_quotes();
    takes_escapes();
    tells_faults();
    limits_words();
    knows_places();
    pool_destroy(pool);
    return tap_done();
}
