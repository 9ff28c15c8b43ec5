/*
 * common/conf_lex.h - a configuration's text cut into directives: words, then ; or { or }.
 *
 * Words are slices of the text wherever no escape forces a copy. Lines and columns (bytes) count
 * from 1.
 */
#pragma once

#include "common/conf_tree.h"

#define CONF_WORD_MAX 4095 /* bytes of a word as written, as in nginx: finds a quote left open */

enum conf_lex { LEX_SIMPLE, LEX_BLOCK, LEX_CLOSE, LEX_END, LEX_FAULT };

struct conf_lexer {
    struct pool *pool;          /* for unescaped words and fault texts */
    struct conf_word *words;    /* of the directive just read; reused by the next */
    uint32_t count;
    uint32_t room;
    bool parameter;             /* the text is of -g: changes the words of one fault */

    const char *pos, *end;
    const char *line_start;
    uint32_t line;

    uint32_t at_line, at_col;   /* of the }, or of the fault */
    const char *fault;          /* LEX_FAULT: what is wrong */
    const char *hint;           /* and what may help, or NULL */
};

/* `text` must stay. A byte order mark at its start is skipped. */
void conf_lex_init(struct conf_lexer *lex, struct pool *pool, struct str text);

/*
 * Reads up to the next ; { or }, or the end. LEX_SIMPLE and LEX_BLOCK have at least one word;
 * LEX_CLOSE and LEX_END none. After LEX_FAULT nothing more can be read.
 */
enum conf_lex conf_lex_next(struct conf_lexer *lex);
