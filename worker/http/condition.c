/*
 * worker/http/condition.c - the test of an `if`.
 */
#include "worker/http/condition.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/generation.h"
#include "worker/http/coded_text.h"
#include "worker/http/file_access.h"
#include "worker/http/phase.h"
#include "worker/net/scope_regex.h"

enum test {
    TEST_SET, TEST_EQUAL, TEST_REGEX, TEST_FILE, TEST_DIR, TEST_EXISTS, TEST_EXECUTABLE,
    TEST_ANY, TEST_ALL          /* of the inner ones */
};

struct condition {
    enum test test;
    bool negated;
    uint32_t var;               /* SET, EQUAL, REGEX */
    struct template *text;      /* EQUAL: to compare with; file tests: the path */
    struct scope_regex *regex;
    struct condition *inner;    /* ANY, ALL */
    struct condition *next;
};

#define NESTING_MOST 32

/* One test ------------------------------------------------------------------------------------ */

static bool invalid(struct conf_call *call, uint32_t arg, struct str text)
{
    return conf_fail_arg(call, arg, "invalid condition \"%" STR_FMT "\"", STR_ARG(text));
}

static bool compile(struct conf_call *call, uint32_t arg, struct str text, struct template **out)
{
    const char *why;

    *out = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return *out != NULL || conf_fail_arg(call, arg, "%s", why);
}

/* The kind of a file test, "-f" or "!-f"; -1: it is none. */
static int file_test_of(struct str op)
{
    static const char letters[] = "fdex";
    const char *at;

    if (op.len > 0 && op.data[0] == '!')
        op = str_from(op, 1);
    at = op.len == 2 && op.data[0] == '-' ? memchr(letters, op.data[1], 4) : NULL;
    return at == NULL ? -1 : TEST_FILE + (int)(at - letters);
}

static bool is_comparison(struct str op)
{
    if (op.len > 0 && op.data[0] == '!')
        op = str_from(op, 1);
    return str_eq(op, STR("=")) || str_eq(op, STR("~")) || str_eq(op, STR("~*"));
}

static bool is_variable(struct str word)
{
    return word.len > 1 && word.data[0] == '$';
}

static struct condition *make(struct conf_call *call, enum test test)
{
    struct condition *c = pool_zalloc(call->pool, sizeof(*c));

    c->test = test;
    return c;
}

static struct condition *make_file_test(struct conf_call *call, struct str op, uint32_t arg,
                                        struct str path)
{
    struct condition *c = make(call, (enum test)file_test_of(op));

    c->negated = op.data[0] == '!';
    return compile(call, arg, path, &c->text) ? c : NULL;
}

static struct condition *make_variable_test(struct conf_call *call, struct str name)
{
    struct condition *c = make(call, TEST_SET);

    c->var = var_use(&call->gen->http_vars, str_from(name, 1));
    return c;
}

static struct condition *make_comparison(struct conf_call *call, struct str name, struct str op,
                                         uint32_t arg, struct str value)
{
    struct condition *c = make_variable_test(call, name);

    c->negated = op.data[0] == '!';
    if (str_ends(op, STR("="))) {
        c->test = TEST_EQUAL;
        return compile(call, arg, value, &c->text) ? c : NULL;
    }
    c->test = TEST_REGEX;
    c->regex = scope_regex_load(call, arg, value, str_ends(op, STR("*")));
    return c->regex != NULL ? c : NULL;
}

/* As nginx has it: one test, whatever its words look like ------------------------------------- */

/* The words between the parentheses, which may be attached to the first and last of them. */
struct words {
    struct str word[3];
    uint32_t arg[3];            /* which argument of the call each came from */
    uint32_t count;             /* may be more */
    bool operators;             /* && or || among them */
};

static bool strip(struct conf_call *call, struct words *w)
{
    uint32_t last = call->count - 1;
    struct str text;

    if (conf_arg(call, 0).len == 0 || conf_arg(call, 0).data[0] != '(')
        return invalid(call, 0, conf_arg(call, 0));
    if (!str_ends(conf_arg(call, last), STR(")")))
        return invalid(call, last, conf_arg(call, last));
    for (uint32_t i = 0; i < call->count; i++) {
        text = conf_arg(call, i);
        if (i == 0)
            text = str_from(text, 1);
        if (i == last)
            text.len--;
        if (text.len == 0 && (i == 0 || i == last) && !call->args[i].quoted)
            continue;
        w->operators |= !call->args[i].quoted &&
                        (str_eq(text, STR("&&")) || str_eq(text, STR("||")));
        if (w->count < COUNT(w->word)) {
            w->arg[w->count] = i;
            w->word[w->count] = text;
        }
        w->count++;
    }
    return w->count > 0 || conf_fail(call, "invalid condition");
}

/* A test of nginx's own is what it is there, even if one of its words is "&&". */
static bool is_plain(const struct conf_call *call, const struct words *w)
{
    struct str first = w->word[0];

    if (w->count <= 3 && is_variable(first) && (w->count == 1 || is_comparison(w->word[1])))
        return true;
    if (w->count == 2 && file_test_of(first) >= 0)
        return true;
    return w->count <= 3 && !w->operators &&
           !(first.len > 0 && !call->args[w->arg[0]].quoted &&
             (first.data[0] == '(' || (first.data[0] == '!' && file_test_of(first) < 0)));
}

static struct condition *read_plain(struct conf_call *call, const struct words *w)
{
    struct str first = w->word[0];

    if (!is_variable(first)) {
        if (file_test_of(first) >= 0 && w->count == 2)
            return make_file_test(call, first, w->arg[1], w->word[1]);
        invalid(call, w->arg[0], first);
        return NULL;
    }
    if (w->count == 1)
        return make_variable_test(call, first);
    if (is_comparison(w->word[1]) && w->count == 3)
        return make_comparison(call, first, w->word[1], w->arg[2], w->word[2]);
    conf_fail_arg(call, w->arg[1], "unexpected \"%" STR_FMT "\" in condition",
                  STR_ARG(w->word[1]));
    if (str_starts(w->word[1], STR("&&")) || str_starts(w->word[1], STR("||")))
        conf_hint(call, "blanks go around && and ||");
    return NULL;
}

/* Several tests: && binds closer than ||, ! closer than both ---------------------------------- */

struct reader {
    struct conf_call *call;
    uint32_t at;
    struct str word;            /* what is left of the argument at `at` */
    unsigned depth;
};

static struct condition *read_any(struct reader *rd);

static bool at_end(const struct reader *rd)
{
    return rd->at == rd->call->count;
}

static void go_on(struct reader *rd)
{
    rd->at++;
    rd->word = conf_arg(rd->call, rd->at);
}

/* An operator or a parenthesis is never quoted, nor is what it is attached to. */
static bool starts_with(const struct reader *rd, char c)
{
    return !at_end(rd) && !rd->call->args[rd->at].quoted && rd->word.len > 0 &&
           rd->word.data[0] == c;
}

static bool word_is(const struct reader *rd, struct str word)
{
    return !at_end(rd) && !rd->call->args[rd->at].quoted && str_eq(rd->word, word);
}

static void skip_char(struct reader *rd)
{
    rd->word = str_from(rd->word, 1);
    if (rd->word.len == 0)
        go_on(rd);
}

static struct condition *unexpected(struct reader *rd)
{
    if (at_end(rd))
        conf_fail_arg(rd->call, rd->call->count - 1, "unexpected end of condition");
    else
        conf_fail_arg(rd->call, rd->at, "unexpected \"%" STR_FMT "\" in condition",
                      STR_ARG(rd->word));
    return NULL;
}

/* How many of the parentheses at the end of a word close none that the word opens: those of a regex
   belong to it. */
static size_t closing(struct str word)
{
    size_t open = 0, spare = 0;

    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '\\')
            i++, spare = 0;
        else if (word.data[i] == '(')
            open++, spare = 0;
        else if (word.data[i] != ')')
            spare = 0;
        else if (open > 0)
            open--, spare = 0;
        else
            spare++;
    }
    return spare;
}

/* A word that stands for itself, but for parentheses that close what is around it. */
static struct str take_word(struct reader *rd)
{
    struct str word = rd->word;
    size_t spare = rd->call->args[rd->at].quoted ? 0 : closing(word);

    word.len -= spare;
    if (spare == 0)
        go_on(rd);
    else
        rd->word = str_from(rd->word, word.len);
    return word;
}

static struct condition *read_test(struct reader *rd)
{
    uint32_t first_arg = rd->at, arg;
    struct str first, op;

    if (at_end(rd))
        return unexpected(rd);
    if (file_test_of(rd->word) >= 0) {
        op = take_word(rd);
        arg = rd->at;
        if (at_end(rd) || starts_with(rd, ')'))
            return unexpected(rd);
        return make_file_test(rd->call, op, arg, take_word(rd));
    }
    first = take_word(rd);
    if (!is_variable(first)) {
        invalid(rd->call, first_arg, first);
        return NULL;
    }
    if (at_end(rd) || !is_comparison(rd->word) || rd->call->args[rd->at].quoted)
        return make_variable_test(rd->call, first);
    op = take_word(rd);
    arg = rd->at;
    if (at_end(rd))
        return unexpected(rd);
    return make_comparison(rd->call, first, op, arg, take_word(rd));
}

static struct condition *read_group(struct reader *rd)
{
    struct condition *c;

    if (++rd->depth > NESTING_MOST) {
        conf_fail_arg(rd->call, rd->at, "parentheses are nested too deep");
        return NULL;
    }
    skip_char(rd);
    c = read_any(rd);
    rd->depth--;
    if (c == NULL)
        return NULL;
    if (!starts_with(rd, ')'))
        return unexpected(rd);
    skip_char(rd);
    return c;
}

static struct condition *read_one(struct reader *rd)
{
    bool negated = false;
    struct condition *c;

    while (starts_with(rd, '!') && file_test_of(rd->word) < 0) {
        negated = !negated;
        skip_char(rd);
    }
    c = starts_with(rd, '(') ? read_group(rd) : read_test(rd);
    if (c != NULL)
        c->negated ^= negated;
    return c;
}

/* `read` once, or a list of what it reads with the operator in between. */
static struct condition *read_list(struct reader *rd, struct condition *read(struct reader *rd),
                                   enum test test, struct str operator)
{
    struct condition *first = read(rd), *last = first, *list;

    if (first == NULL || !word_is(rd, operator))
        return first;
    list = make(rd->call, test);
    list->inner = first;
    while (word_is(rd, operator)) {
        go_on(rd);
        last->next = read(rd);
        if (last->next == NULL)
            return NULL;
        last = last->next;
    }
    return list;
}

static struct condition *read_all(struct reader *rd)
{
    return read_list(rd, read_one, TEST_ALL, STR("&&"));
}

static struct condition *read_any(struct reader *rd)
{
    return read_list(rd, read_all, TEST_ANY, STR("||"));
}

struct condition *condition_load(struct conf_call *call)
{
    struct reader rd = {.call = call, .word = conf_arg(call, 0)};
    struct words w = {.count = 0};
    struct condition *c;

    if (!strip(call, &w))
        return NULL;
    if (is_plain(call, &w))
        return read_plain(call, &w);
    c = read_any(&rd);
    return c == NULL || at_end(&rd) ? c : unexpected(&rd);
}

/* At run time --------------------------------------------------------------------------------- */

static struct str text_of(struct request *r, const struct condition *c, bool coded)
{
    return coded ? coded_text(r, c->text) : scope_eval(&r->scope, c->text);
}

static bool file_test(struct request *r, const struct condition *c, bool coded)
{
    struct str path = pool_str(request_pool(r), text_of(r, c, coded));
    struct stat st;

    if (file_access_stat_named(r, path, &st) != 0)
        return false;
    switch (c->test) {
    case TEST_FILE:
        return S_ISREG(st.st_mode);
    case TEST_DIR:
        return S_ISDIR(st.st_mode);
    case TEST_EXECUTABLE:
        return (st.st_mode & S_IXUSR) != 0;
    default:
        return true;
    }
}

static bool any_is(struct request *r, const struct condition *list, bool coded, bool wanted)
{
    for (const struct condition *c = list; c != NULL; c = c->next)
        if (condition_holds(r, c, coded) == wanted)
            return true;
    return false;
}

static bool test(struct request *r, const struct condition *c, bool coded)
{
    struct str value;

    switch (c->test) {
    case TEST_SET:
        value = var_str(scope_var(&r->scope, c->var));
        return value.len > 0 && !str_eq(value, STR("0"));
    case TEST_EQUAL:
        value = var_str(scope_var(&r->scope, c->var));
        return str_eq(value, text_of(r, c, coded));
    case TEST_REGEX:
        value = var_str(scope_var(&r->scope, c->var));
        if (scope_regex_match(&r->scope, c->regex, value))
            return true;
        r->scope.capture_count = 0; /* what matched before is forgotten */
        return false;
    case TEST_ANY:
        return any_is(r, c->inner, coded, true);
    case TEST_ALL:
        return !any_is(r, c->inner, coded, false);
    default:
        return file_test(r, c, coded);
    }
}

bool condition_holds(struct request *r, const struct condition *c, bool coded)
{
    return test(r, c, coded) != c->negated;
}
