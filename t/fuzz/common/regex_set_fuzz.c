/*
 * t/fuzz/common/regex_set_fuzz.c - any patterns and any subject: what matches is picked.
 *
 * The lines of the input are patterns, caseless after a '~'; the last one is the subject.
 */
#include "common/regex_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct regex_set *set, struct str line)
{
    bool nocase = line.len > 0 && line.data[0] == '~';
    struct regex_error error;
    const struct regex *regex = regex_compile(set->pool, str_from(line, nocase), nocase, &error);

    if (regex != NULL)
        regex_set_add(set, regex);
}

static void check(const struct regex_set *set, struct str subject)
{
    struct regex_pick pick;
    int64_t picked;

    regex_pick_init(&pick, set, subject);
    picked = regex_pick_next(&pick);
    for (size_t i = 0; i < set->regexes.count; i++) {
        if ((size_t)picked == i)
            picked = regex_pick_next(&pick);
        else
            must(regex_match(*(const struct regex **)array_at(&set->regexes, i), subject) <= 0);
    }
    must(picked == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool *pool = pool_create(65536);
    struct str rest = {(const char *)data, size}, line;
    struct regex_set set;

    regex_set_init(&set, pool);
    for (int i = 0; i < 8; i++) /* so many that needs are looked at */
        add(&set, STR("no such text"));
    while ((line = str_cut(&rest, '\n'), rest.data != NULL) && set.regexes.count < 40)
        add(&set, line);
    regex_set_build(&set);
    check(&set, line);
    pool_destroy(pool);
    return 0;
}
