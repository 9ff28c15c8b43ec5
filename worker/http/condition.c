/*
 * worker/http/condition.c - the test of an `if`.
 */
#include "worker/http/condition.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/generation.h"
#include "worker/http/phase.h"
#include "worker/net/scope_regex.h"

enum test { TEST_SET, TEST_EQUAL, TEST_REGEX, TEST_FILE, TEST_DIR, TEST_EXISTS, TEST_EXECUTABLE };

struct condition {
    enum test test;
    bool negated;
    uint32_t var;               /* SET, EQUAL, REGEX */
    struct template *text;      /* EQUAL: to compare with; file tests: the path */
    struct scope_regex *regex;
};

/* The words between the parentheses, which may be attached to the first and last of them. */
struct words {
    struct str word[4];
    uint32_t arg[4];            /* which argument of the call each came from */
    uint32_t count;
};

static bool strip(struct conf_call *call, struct words *w)
{
    uint32_t last = call->count - 1;
    struct str text;

    if (conf_arg(call, 0).len == 0 || conf_arg(call, 0).data[0] != '(')
        return conf_fail_arg(call, 0, "invalid condition \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, 0)));
    if (!str_ends(conf_arg(call, last), STR(")")))
        return conf_fail_arg(call, last, "invalid condition \"%" STR_FMT "\"",
                             STR_ARG(conf_arg(call, last)));
    for (uint32_t i = 0; i < call->count; i++) {
        text = conf_arg(call, i);
        if (i == 0)
            text = str_from(text, 1);
        if (i == last)
            text.len--;
        if (text.len == 0 && (i == 0 || i == last) && !call->args[i].quoted)
            continue;
        if (w->count == COUNT(w->word))
            return conf_fail_arg(call, i, "invalid condition \"%" STR_FMT "\"", STR_ARG(text));
        w->arg[w->count] = i;
        w->word[w->count++] = text;
    }
    return w->count > 0 || conf_fail(call, "invalid condition");
}

static bool compile(struct conf_call *call, uint32_t arg, struct str text, struct template **out)
{
    const char *why;

    *out = template_compile(call->pool, &call->gen->http_vars, text, &why);
    return *out != NULL || conf_fail_arg(call, arg, "%s", why);
}

static bool read_file_test(struct conf_call *call, const struct words *w, struct condition *c)
{
    static const char letters[] = "fdex";
    static const enum test tests[] = {TEST_FILE, TEST_DIR, TEST_EXISTS, TEST_EXECUTABLE};
    struct str op = w->word[0];
    const char *at;

    c->negated = op.data[0] == '!';
    if (c->negated)
        op = str_from(op, 1);
    at = op.len == 2 && op.data[0] == '-' ? memchr(letters, op.data[1], 4) : NULL;
    if (at == NULL || w->count != 2)
        return conf_fail_arg(call, w->arg[0], "invalid condition \"%" STR_FMT "\"",
                             STR_ARG(w->word[0]));
    c->test = tests[at - letters];
    return compile(call, w->arg[1], w->word[1], &c->text);
}

static bool read_compare(struct conf_call *call, const struct words *w, struct condition *c)
{
    struct str op = w->word[1];
    bool nocase;

    c->negated = op.len > 0 && op.data[0] == '!';
    if (c->negated)
        op = str_from(op, 1);
    if (str_eq(op, STR("=")) && w->count == 3) {
        c->test = TEST_EQUAL;
        return compile(call, w->arg[2], w->word[2], &c->text);
    }
    nocase = str_eq(op, STR("~*"));
    if ((nocase || str_eq(op, STR("~"))) && w->count == 3) {
        c->test = TEST_REGEX;
        c->regex = scope_regex_load(call, w->arg[2], w->word[2], nocase);
        return c->regex != NULL;
    }
    return conf_fail_arg(call, w->arg[1], "unexpected \"%" STR_FMT "\" in condition",
                         STR_ARG(w->word[1]));
}

struct condition *condition_load(struct conf_call *call)
{
    struct condition *c = pool_zalloc(call->pool, sizeof(*c));
    struct words w = {.count = 0};

    if (!strip(call, &w))
        return NULL;
    if (w.word[0].len > 1 && w.word[0].data[0] == '$') {
        c->var = var_use(&call->gen->http_vars, str_from(w.word[0], 1));
        if (w.count == 1) {
            c->test = TEST_SET;
            return c;
        }
        return read_compare(call, &w, c) ? c : NULL;
    }
    return read_file_test(call, &w, c) ? c : NULL;
}

static bool file_test(struct request *r, const struct condition *c)
{
    char *path = pool_cstr(request_pool(r), scope_eval(&r->scope, c->text));
    struct stat st;

    if (stat(path, &st) != 0)
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

static bool test(struct request *r, const struct condition *c)
{
    struct str value;

    switch (c->test) {
    case TEST_SET:
        value = var_str(scope_var(&r->scope, c->var));
        return value.len > 0 && !str_eq(value, STR("0"));
    case TEST_EQUAL:
        value = var_str(scope_var(&r->scope, c->var));
        return str_eq(value, scope_eval(&r->scope, c->text));
    case TEST_REGEX:
        value = var_str(scope_var(&r->scope, c->var));
        return scope_regex_match(&r->scope, c->regex, value);
    default:
        return file_test(r, c);
    }
}

bool condition_holds(struct request *r, const struct condition *c)
{
    return test(r, c) != c->negated;
}
