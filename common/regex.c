/*
 * common/regex.c - PCRE2 with its JIT, one match block and one JIT stack per process.
 */
#include "common/regex.h"

#include <pcre2.h>
#include <stdlib.h>

#define STACK_START (32 * 1024)
#define STACK_LIMIT (1024 * 1024)
#define MATCH_LIMIT 1000000 /* steps of backtracking: some tens of milliseconds */

static uint32_t most_groups = 10; /* of any pattern compiled so far */

static pcre2_match_context *context;
static pcre2_match_data *match_data;
static uint32_t match_groups; /* that match_data has room for */

static void free_code(void *code)
{
    pcre2_code_free(code);
}

static int by_group(const void *a, const void *b)
{
    const struct regex_name *x = a, *y = b;

    return (x->group > y->group) - (x->group < y->group);
}

static void read_names(struct regex *re, struct pool *pool)
{
    struct regex_name *names;
    PCRE2_SPTR row;
    uint32_t row_bytes;

    pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &re->name_count);
    if (re->name_count == 0)
        return;
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &row);
    pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &row_bytes);
    names = pool_zalloc(pool, re->name_count * sizeof(*names));
    for (uint32_t i = 0; i < re->name_count; i++, row += row_bytes)
        names[i] = (struct regex_name){.name = str_of((const char *)row + 2),
                                       .group = (uint32_t)row[0] << 8 | row[1]};
    qsort(names, re->name_count, sizeof(*names), by_group);
    re->names = names;
}

struct regex *regex_compile(struct pool *pool, struct str pattern, bool nocase,
                            struct regex_error *error)
{
    struct regex *re = pool_zalloc(pool, sizeof(*re));
    uint32_t highest, options;
    int code;

    re->pattern = pool_str(pool, pattern);
    re->nocase = nocase;
    re->code = pcre2_compile((PCRE2_SPTR)re->pattern.data, pattern.len,
                             nocase ? PCRE2_CASELESS : 0, &code, &error->offset, NULL);
    if (re->code == NULL) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)error->text, sizeof(error->text));
        return NULL;
    }
    pool_on_destroy(pool, free_code, re->code);
    pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &highest);
    re->groups = highest + 1;
    most_groups = MAX(most_groups, re->groups);
    read_names(re, pool);

    /* The fast entry checks nothing: not for patterns that switch UTF on by "(*UTF)", for whose
       subjects must be checked. */
    pcre2_pattern_info(re->code, PCRE2_INFO_ALLOPTIONS, &options);
    re->fast = pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0 && !(options & PCRE2_UTF);
    return re;
}

static bool prepare_context(void)
{
    pcre2_jit_stack *stack;

    context = pcre2_match_context_create(NULL);
    if (context == NULL)
        return false;
    pcre2_set_match_limit(context, MATCH_LIMIT);
    stack = pcre2_jit_stack_create(STACK_START, STACK_LIMIT, NULL);
    if (stack != NULL) /* without one, 32K of the machine's stack serve */
        pcre2_jit_stack_assign(context, NULL, stack);
    return true;
}

static bool prepare(void)
{
    if (context == NULL && !prepare_context())
        return false;
    if (match_groups >= most_groups)
        return true;
    pcre2_match_data_free(match_data);
    match_data = pcre2_match_data_create(most_groups, NULL);
    match_groups = match_data == NULL ? 0 : most_groups;
    return match_data != NULL;
}

int regex_match(const struct regex *re, struct str subject)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.data == NULL ? "" : subject.data);
    int n;

    if (unlikely(match_groups < most_groups) && !prepare())
        return PCRE2_ERROR_NOMEMORY;
    if (re->fast)
        n = pcre2_jit_match(re->code, text, subject.len, 0, 0, match_data, context);
    else
        n = pcre2_match(re->code, text, subject.len, 0, 0, match_data, context);
    if (n == PCRE2_ERROR_NOMATCH || (n <= PCRE2_ERROR_UTF8_ERR1 && n >= PCRE2_ERROR_UTF8_ERR21))
        return 0; /* what is not UTF-8 matches no UTF pattern */
    return n;
}

const size_t *regex_captures(void)
{
    return pcre2_get_ovector_pointer(match_data);
}

struct str regex_group(struct str subject, int pairs, uint32_t i)
{
    const size_t *at = regex_captures() + (size_t)i * 2;

    if ((int64_t)i >= pairs || at[0] == PCRE2_UNSET)
        return STR_NONE;
    /* "\K" in a look-ahead can set the start after the end */
    return (struct str){subject.data + at[0], at[1] > at[0] ? at[1] - at[0] : 0};
}

const char *regex_failure(int result)
{
    static char text[160];

    if (pcre2_get_error_message(result, (PCRE2_UCHAR *)text, sizeof(text)) < 0)
        return "unknown error";
    return text;
}
