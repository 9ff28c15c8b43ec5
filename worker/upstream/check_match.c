/*
 * worker/upstream/check_match.c - tests of answers to health checks.
 */
#include "worker/upstream/check_match.h"

#include "common/conf_value.h"
#include "common/generation.h"
#include "common/regex.h"
#include "worker/net/scope.h"

/* "200", "301-303". */
struct status_range {
    int64_t from, to;
};

struct status_test {
    bool negated;
    struct array ranges; /* struct status_range */
};

/* Of a field, or of the body. */
enum text_kind { TEXT_THERE, TEXT_EQUAL, TEXT_REGEX };

struct text_test {
    enum text_kind kind;
    bool negated;
    struct str name;     /* of the field */
    struct str value;
    struct regex *regex;
};

struct check_match {
    struct str name;
    struct array statuses;  /* struct status_test */
    struct array fields;    /* struct text_test */
    struct array bodies;    /* struct text_test */
    struct array variables; /* uint32_t: indices */
};

/* Loading -------------------------------------------------------------------------------------- */

static bool bad_word(struct conf_call *call, const struct conf_node *line, uint32_t i)
{
    return conf_fail_in(call, line, i, "invalid \"%" STR_FMT "\" in \"match\"",
                        STR_ARG(line->words[i].text));
}

static bool read_code(struct str text, int64_t *code)
{
    return text.len == 3 && conf_int(text, code) && *code >= 100;
}

static bool read_range(struct str text, struct status_range *range)
{
    struct str rest = text, first = str_cut(&rest, '-');

    if (!read_code(first, &range->from))
        return false;
    if (first.len == text.len) {
        range->to = range->from;
        return true;
    }
    return read_code(rest, &range->to) && range->to >= range->from;
}

static bool add_status(struct conf_call *call, struct check_match *m, const struct conf_node *line)
{
    struct status_test *test = array_push(&m->statuses);
    uint32_t i = 1;

    test->ranges = array_of(struct status_range, call->pool);
    test->negated = line->count > 1 && str_eq(line->words[1].text, STR("!"));
    i += test->negated;
    if (i == line->count)
        return conf_fail_in(call, line, 0, "invalid number of arguments in \"status\"");
    for (; i < line->count; i++)
        if (!read_range(line->words[i].text, array_push(&test->ranges)))
            return bad_word(call, line, i);
    return true;
}

/* The operator at word i. */
static bool read_operator(struct str word, struct text_test *test, bool *nocase)
{
    test->negated = str_starts(word, STR("!"));
    word = str_from(word, test->negated);
    test->kind = str_eq(word, STR("=")) ? TEXT_EQUAL : TEXT_REGEX;
    *nocase = str_eq(word, STR("~*"));
    return test->kind == TEXT_EQUAL || *nocase || str_eq(word, STR("~"));
}

/* From word i on: an operator and a value, the last. */
static bool read_test(struct conf_call *call, const struct conf_node *line, uint32_t i,
                      struct text_test *test)
{
    struct regex_error error;
    bool nocase;

    if (line->count != i + 2)
        return conf_fail_in(call, line, 0, "invalid number of arguments in \"%" STR_FMT "\"",
                            STR_ARG(line->words[0].text));
    if (!read_operator(line->words[i].text, test, &nocase))
        return bad_word(call, line, i);
    test->value = line->words[i + 1].text;
    if (test->kind == TEXT_EQUAL)
        return true;
    test->regex = regex_compile(call->pool, test->value, nocase, &error);
    return test->regex != NULL ||
           conf_fail_in(call, line, i + 1, "%s in \"%" STR_FMT "\" at offset %zu", error.text,
                        STR_ARG(test->value), error.offset);
}

/* "header X", "header ! X", "header X = value" and so on. */
static bool add_header(struct conf_call *call, struct check_match *m, const struct conf_node *line)
{
    struct text_test *test = array_push(&m->fields);

    test->negated = line->count == 3 && str_eq(line->words[1].text, STR("!"));
    if (line->count > 1)
        test->name = line->words[line->count == 3 ? 2 : 1].text;
    if (line->count == 2 || test->negated)
        return true;
    test->name = line->count > 1 ? line->words[1].text : STR("");
    return read_test(call, line, 2, test);
}

static bool add_body(struct conf_call *call, struct check_match *m, const struct conf_node *line)
{
    struct text_test *test = array_push(&m->bodies);

    if (!read_test(call, line, 1, test))
        return false;
    return test->kind == TEXT_REGEX || bad_word(call, line, 1);
}

static bool add_variables(struct conf_call *call, struct check_match *m,
                          const struct conf_node *line)
{
    if (line->count < 2)
        return conf_fail_in(call, line, 0, "invalid number of arguments in \"require\"");
    for (uint32_t i = 1; i < line->count; i++) {
        struct str name = line->words[i].text;

        if (!str_starts(name, STR("$")) || name.len < 2)
            return conf_fail_in(call, line, i, "invalid variable name \"%" STR_FMT "\"",
                                STR_ARG(name));
        *(uint32_t *)array_push(&m->variables) = var_use(&call->gen->http_vars, str_from(name, 1));
    }
    return true;
}

static bool add_line(struct conf_call *call, struct check_match *m, const struct conf_node *line)
{
    struct str word = line->words[0].text;

    if (line->has_block)
        return conf_fail_in(call, line, 0, "unexpected block in \"match\"");
    if (str_eq(word, STR("status")))
        return add_status(call, m, line);
    if (str_eq(word, STR("header")))
        return add_header(call, m, line);
    if (str_eq(word, STR("body")))
        return add_body(call, m, line);
    if (str_eq(word, STR("require")))
        return add_variables(call, m, line);
    conf_fail_in(call, line, 0, "unknown test \"%" STR_FMT "\" in \"match\"", STR_ARG(word));
    return conf_hint(call, "there are status, header, body and require");
}

struct check_match *check_match_load(struct conf_call *call)
{
    struct check_match *m = pool_zalloc(call->pool, sizeof(*m));
    bool good = true;

    m->name = conf_arg(call, 0);
    m->statuses = array_of(struct status_test, call->pool);
    m->fields = array_of(struct text_test, call->pool);
    m->bodies = array_of(struct text_test, call->pool);
    m->variables = array_of(uint32_t, call->pool);
    for (const struct conf_node *line = call->node->children; line != NULL; line = line->next)
        good &= add_line(call, m, line);
    return good ? m : NULL;
}

struct str check_match_name(const struct check_match *match)
{
    return match->name;
}

bool check_match_wants_body(const struct check_match *match)
{
    return match != NULL && match->bodies.count > 0;
}

/* An answer ------------------------------------------------------------------------------------ */

static bool status_passes(const struct status_test *test, uint16_t status)
{
    EACH (struct status_range, range, &test->ranges)
        if (status >= range->from && status <= range->to)
            return !test->negated;
    return test->negated;
}

enum found { FOUND_NOT, FOUND, FOUND_NOBODY_KNOWS };

static enum found search(const struct text_test *test, struct str text)
{
    int pairs;

    if (test->kind == TEXT_THERE)
        return FOUND;
    if (test->kind == TEXT_EQUAL)
        return str_eq(text, test->value) ? FOUND : FOUND_NOT;
    pairs = regex_match(test->regex, text);
    return pairs > 0 ? FOUND : pairs == 0 ? FOUND_NOT : FOUND_NOBODY_KNOWS;
}

/* Where matching is given up neither "is" nor "is not" can be said. */
static bool passes(const struct text_test *test, enum found found)
{
    return found == (test->negated ? FOUND_NOT : FOUND);
}

/* Of several fields of that name any will do, and with "!" none. */
static bool field_passes(const struct text_test *test, const struct http_fields *fields)
{
    enum found best = FOUND_NOT;

    EACH_FIELD (f, fields) {
        enum found found = str_eq_nocase(f->name, test->name) ? search(test, f->value) : FOUND_NOT;

        if (found == FOUND)
            return !test->negated;
        if (found != FOUND_NOT)
            best = found;
    }
    return passes(test, best);
}

static bool is_set(struct str value)
{
    return value.len > 0 && !str_eq(value, STR("0"));
}

const char *check_match_fault(const struct check_match *match, uint16_t status,
                              const struct http_fields *fields, struct str body,
                              struct scope *scope)
{
    if (match == NULL)
        return status >= 200 && status < 400 ? NULL : "checking status code";
    EACH (struct status_test, test, &match->statuses)
        if (!status_passes(test, status))
            return "checking status code";
    EACH (struct text_test, test, &match->fields)
        if (!field_passes(test, fields))
            return "checking response header";
    EACH (struct text_test, test, &match->bodies)
        if (!passes(test, search(test, body)))
            return "checking response body";
    EACH (uint32_t, index, &match->variables)
        if (!is_set(var_str(scope_var(scope, *index))))
            return "checking required variables";
    return NULL;
}
