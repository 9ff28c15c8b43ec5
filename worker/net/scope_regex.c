/*
 * worker/net/scope_regex.c - regexes whose captures a scope can read.
 */
#include "worker/net/scope_regex.h"

#include "worker/net/scope_conf.h"

struct scope_regex *scope_regex_load(struct conf_call *call, uint32_t arg, struct str pattern,
                                     bool nocase)
{
    struct var_table *table = scope_conf_table(call);
    struct scope_regex *regex = pool_zalloc(call->pool, sizeof(*regex));
    struct regex_error error;

    regex->regex = regex_compile(call->pool, pattern, nocase, &error);
    if (regex->regex == NULL) {
        conf_fail_arg(call, arg, "pcre2_compile() failed: %s in \"%" STR_FMT "\" at \"%" STR_FMT
                      "\"", error.text, STR_ARG(pattern),
                      STR_ARG(str_from(pattern, MIN(error.offset, pattern.len))));
        return NULL;
    }
    if (regex->regex->name_count == 0)
        return regex;
    regex->vars = pool_alloc(call->pool, regex->regex->name_count * sizeof(*regex->vars));
    for (uint32_t i = 0; i < regex->regex->name_count; i++) {
        struct var *var = var_define(table, regex->regex->names[i].name, VAR_CHANGEABLE);

        if (var == NULL) {
            conf_fail_arg(call, arg, "the duplicate \"%" STR_FMT "\" variable",
                          STR_ARG(regex->regex->names[i].name));
            return NULL;
        }
        regex->vars[i] = var->index;
    }
    return regex;
}

/* The next match overwrites the library's captures: the scope keeps a copy. */
static void keep(struct scope *scope, struct str subject, int pairs)
{
    size_t *copy;

    scope->capture_text = subject;
    scope->capture_count = (uint32_t)pairs;
    if (pairs == 1) { /* no groups: $1 to $9 are empty, $0 is not reachable */
        scope->capture_count = 0;
        return;
    }
    copy = pool_alloc(scope->pool, 2 * (size_t)pairs * sizeof(*copy));
    memcpy(copy, regex_captures(), 2 * (size_t)pairs * sizeof(*copy));
    scope->captures = copy;
}

bool scope_regex_match(struct scope *scope, const struct scope_regex *regex, struct str subject)
{
    int pairs = regex_match(regex->regex, subject);

    if (pairs == 0)
        return false;
    if (scope == NULL)
        return pairs > 0;
    if (pairs < 0) {
        log_error(scope->log, LOG_ALERT, 0, "pcre2_match() failed: %s on \"%" STR_FMT
                  "\" using \"%" STR_FMT "\"", regex_failure(pairs), STR_ARG(subject),
                  STR_ARG(regex->regex->pattern));
        return false;
    }
    keep(scope, subject, pairs);
    for (uint32_t i = 0; i < regex->regex->name_count; i++) {
        struct str value = regex_group(subject, pairs, regex->regex->names[i].group);

        scope_set(scope, regex->vars[i], value.data == NULL ? STR("") : value);
    }
    return true;
}

void scope_regex_set_init(struct scope_regex_set *set, struct pool *pool)
{
    regex_set_init(&set->set, pool);
    set->regexes = array_of(const struct scope_regex *, pool);
}

void scope_regex_set_add(struct scope_regex_set *set, const struct scope_regex *regex)
{
    regex_set_add(&set->set, regex->regex);
    *(const struct scope_regex **)array_push(&set->regexes) = regex;
}

void scope_regex_set_build(struct scope_regex_set *set)
{
    regex_set_build(&set->set);
}

int64_t scope_regex_set_match(struct scope *scope, const struct scope_regex_set *set,
                              struct str subject)
{
    struct scope_regex *const *regexes = set->regexes.items;
    struct regex_pick pick;
    int64_t at;

    regex_pick_init(&pick, &set->set, subject);
    while ((at = regex_pick_next(&pick)) >= 0)
        if (scope_regex_match(scope, regexes[at], subject))
            return at;
    return -1;
}
