/*
 * common/conf_lex.c - the words of a configuration.
 *
 * A backslash keeps the next byte from ending the word or the quotes; of the escapes only \" \' \\
 * \t \r \n lose it. A { directly behind a $ belongs to the word. # begins a comment only where a
 * word could begin.
 */
#include "common/conf_lex.h"

#include "common/conf_env.h"
#include "common/fmt.h"

void conf_lex_init(struct conf_lexer *lex, struct pool *pool, struct str text)
{
    if (str_starts(text, STR("\xEF\xBB\xBF")))
        text = str_from(text, 3);
    *lex = (struct conf_lexer){
        .pool = pool, .pos = text.data, .end = text.data + text.len,
        .line_start = text.data, .line = 1,
    };
}

static uint32_t col_of(const struct conf_lexer *lex, const char *at)
{
    return (uint32_t)(at - lex->line_start) + 1;
}

static enum conf_lex fault(struct conf_lexer *lex, uint32_t line, uint32_t col, struct str text)
{
    lex->at_line = line;
    lex->at_col = col;
    lex->fault = text.data;
    return LEX_FAULT;
}

static enum conf_lex unexpected(struct conf_lexer *lex, char c)
{
    return fault(lex, lex->line, col_of(lex, lex->pos),
                 pool_printf(lex->pool, "unexpected \"%c\"", c));
}

static enum conf_lex unexpected_end(struct conf_lexer *lex)
{
    struct conf_word *first = lex->words;

    if (lex->count > 0)
        lex->hint = pool_printf(lex->pool, "\"%" STR_FMT "\" began on line %u",
                                STR_ARG(first->text), first->line).data;
    return fault(lex, lex->line, col_of(lex, lex->end),
                 lex->parameter ? STR("unexpected end of parameter, expecting \";\"")
                                : STR("unexpected end of file, expecting \";\" or \"}\""));
}

/* The bytes that a word's end or a $ may be, quoted or not. */
static const bool special[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, [';'] = true, ['{'] = true,
    ['"'] = true, ['\''] = true, ['\\'] = true, ['$'] = true,
};

static enum conf_lex open_quote(struct conf_lexer *lex, const struct conf_word *word)
{
    enum conf_lex result = unexpected_end(lex);

    lex->hint = pool_printf(lex->pool, "a quote opened on line %u is not closed",
                            word->line).data;
    return result;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void new_line(struct conf_lexer *lex, const char *newline)
{
    lex->line++;
    lex->line_start = newline + 1;
}

static void skip_blanks(struct conf_lexer *lex)
{
    const char *p = lex->pos;

    for (; p < lex->end; p++) {
        if (*p == '\n') {
            new_line(lex, p);
        } else if (*p == '#') {
            p = memchr(p, '\n', (size_t)(lex->end - p));
            if (p == NULL) {
                p = lex->end;
                break;
            }
            new_line(lex, p);
        } else if (!is_space(*p)) {
            break;
        }
    }
    lex->pos = p;
}

/* Returns the end of what is written at `out`, which has room for all of `raw`. */
static char *unescape(char *out, struct str raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i], next = i + 1 < raw.len ? raw.data[i + 1] : '\0';

        if (c == '\\') {
            switch (next) {
            case '"': case '\'': case '\\': c = next; i++; break;
            case 't': c = '\t'; i++; break;
            case 'r': c = '\r'; i++; break;
            case 'n': c = '\n'; i++; break;
            default: break;
            }
        }
        *out++ = c;
    }
    return out;
}

static struct str append(struct pool *pool, struct str text, struct str more, bool escaped)
{
    char *start = pool_bytes(pool, text.len + more.len + 1), *out = fmt_str(start, text);

    out = escaped ? unescape(out, more) : fmt_str(out, more);
    *out = '\0';
    return str_range(start, out);
}

/* The word as it is meant: escapes undone, variables of the environment replaced. */
static struct str resolve(struct pool *pool, struct str raw, struct conf_env_fault *fault)
{
    const char *pos = raw.data, *end = raw.data + raw.len, *next = conf_env_find(pos, end);
    struct str text = append(pool, STR(""), str_range(pos, next), true);

    while (next < end && fault->what == NULL) {
        text = append(pool, text, conf_env_value(pool, &next, end, fault), false);
        pos = next;
        next = conf_env_find(pos, end);
        text = append(pool, text, str_range(pos, next), true);
    }
    return text;
}

static struct conf_word *add_word(struct conf_lexer *lex)
{
    struct conf_word *grown;

    if (lex->count == lex->room) {
        grown = pool_alloc(lex->pool, (lex->room * 2 + 16) * sizeof(*grown));
        if (lex->count > 0)
            memcpy(grown, lex->words, lex->count * sizeof(*grown));
        lex->words = grown;
        lex->room = lex->room * 2 + 16;
    }
    return &lex->words[lex->count++];
}

/*
 * The end of the word that begins at `start`, which is behind the opening quote if there is one;
 * NULL at the end of the text. Lines inside the word are counted. `raw` is set when there is
 * something in it to be resolved.
 */
static const char *word_end(struct conf_lexer *lex, const char *start, char quote, bool *raw)
{
    bool dollar = false;

    for (const char *p = start; p < lex->end; p++) {
        char c = *p;

        if (!special[(unsigned char)c]) {
            dollar = false;
            continue;
        }
        if (c == '\\') {
            *raw = true;
            if (++p == lex->end)
                return NULL;
            c = *p;
            dollar = false;
        } else if (quote != 0 ? c == quote
                              : is_space(c) || c == ';' || (c == '{' && !dollar)) {
            return p;
        } else if (c == '{') {
            *raw = *raw || dollar;
        } else {
            dollar = c == '$';
        }
        if (c == '\n')
            new_line(lex, p);
    }
    return NULL;
}

static enum conf_lex too_long(struct conf_lexer *lex, const struct conf_word *word, struct str raw,
                              char quote, bool closed)
{
    if (quote != 0 && !closed)
        return fault(lex, word->line, word->col,
                     pool_printf(lex->pool, "too long parameter, probably missing terminating "
                                            "\"%c\" character", quote));
    return fault(lex, word->line, word->col,
                 pool_printf(lex->pool, "too long parameter \"%.10s...\" started", raw.data));
}

/* Something in the word that began at `start`, with `word`'s place (behind the quote, if any). */
static enum conf_lex env_fault(struct conf_lexer *lex, const struct conf_word *word,
                               const char *start, const struct conf_env_fault *what)
{
    uint32_t line = word->line, col = word->col + word->quoted;

    for (const char *p = start; p < what->at; p++) {
        col = *p == '\n' ? 1 : col + 1;
        line += *p == '\n';
    }
    lex->hint = what->hint;
    return fault(lex, line, col, str_of(what->what));
}

/* Reads the word at pos. LEX_SIMPLE when all is well. */
static enum conf_lex read_word(struct conf_lexer *lex)
{
    char quote = *lex->pos == '"' || *lex->pos == '\'' ? *lex->pos : 0;
    const char *start = lex->pos + (quote != 0), *end;
    struct conf_word word = {.quoted = quote != 0, .line = lex->line,
                             .col = col_of(lex, lex->pos)};
    struct conf_env_fault env = {.what = NULL};
    bool unresolved = false;
    struct str raw;

    end = word_end(lex, start, quote, &unresolved);
    raw = str_range(start, end == NULL ? lex->end : end);
    if (raw.len > CONF_WORD_MAX)
        return too_long(lex, &word, raw, quote,
                        memchr(start, quote, CONF_WORD_MAX + 1) != NULL);
    word.text = unresolved && end != NULL ? resolve(lex->pool, raw, &env) : raw;
    if (env.what != NULL)
        return env_fault(lex, &word, start, &env);
    *add_word(lex) = word;
    if (end == NULL)
        return quote != 0 ? open_quote(lex, &word) : unexpected_end(lex);
    lex->pos = end + (quote != 0);
    return LEX_SIMPLE;
}

/* What may follow a closing quote. A ) does too, and begins a word. */
static bool quote_ends_well(const struct conf_lexer *lex)
{
    return lex->pos == lex->end || is_space(*lex->pos) || *lex->pos == ';' || *lex->pos == '{' ||
           *lex->pos == ')';
}

static const char *missing_semicolon(struct conf_lexer *lex)
{
    const struct conf_word *last = &lex->words[lex->count - 1];

    return pool_printf(lex->pool, "is \";\" missing after \"%" STR_FMT "\" on line %u?",
                       STR_ARG(last->text), last->line).data;
}

static enum conf_lex close_block(struct conf_lexer *lex)
{
    if (lex->count > 0) {
        lex->hint = missing_semicolon(lex);
        return unexpected(lex, '}');
    }
    lex->at_line = lex->line;
    lex->at_col = col_of(lex, lex->pos);
    lex->pos++;
    return LEX_CLOSE;
}

enum conf_lex conf_lex_next(struct conf_lexer *lex)
{
    enum conf_lex result;
    char c;

    lex->count = 0;
    for (;;) {
        skip_blanks(lex);
        if (lex->pos == lex->end)
            return lex->count > 0 ? unexpected_end(lex) : LEX_END;
        c = *lex->pos;
        if (c == '}')
            return close_block(lex);
        if (c == ';' || c == '{') {
            if (lex->count == 0)
                return unexpected(lex, c);
            lex->pos++;
            return c == ';' ? LEX_SIMPLE : LEX_BLOCK;
        }
        result = read_word(lex);
        if (result != LEX_SIMPLE)
            return result;
        if (lex->words[lex->count - 1].quoted && !quote_ends_well(lex)) {
            lex->hint = "a closing quote ends the word: a space, \";\" or \"{\" must follow";
            return unexpected(lex, *lex->pos);
        }
    }
}
