/*
 * t/fuzz/common/conf_lex_fuzz.c - any bytes as a configuration's text.
 *
 * Whatever comes in: words lie in the text or in the pool, places grow, and it ends.
 */
#include "common/conf_lex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const struct conf_lexer *lex)
{
    unsigned sum = 0;

    for (uint32_t i = 0; i < lex->count; i++) {
        const struct conf_word *word = &lex->words[i];

        must(word->line >= 1 && word->col >= 1 && word->text.len <= CONF_WORD_MAX);
        must(i == 0 || word->line > word[-1].line || word->col > word[-1].col);
        for (size_t n = 0; n < word->text.len; n++)
            sum += (unsigned char)word->text.data[n];
    }
    must(sum < UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool *pool = pool_create(65536);
    struct conf_lexer lex;
    enum conf_lex got;
    const char *before;

    conf_lex_init(&lex, pool, (struct str){(const char *)data, size});
    do {
        before = lex.pos;
        got = conf_lex_next(&lex);
        must(got == LEX_END || got == LEX_FAULT || lex.pos > before);
        must((got == LEX_SIMPLE || got == LEX_BLOCK) ? lex.count > 0 : true);
        must(got != LEX_FAULT || lex.fault != NULL);
        if (got == LEX_SIMPLE || got == LEX_BLOCK)
            check_words(&lex);
    } while (got != LEX_END && got != LEX_FAULT);
    pool_destroy(pool);
    return 0;
}
