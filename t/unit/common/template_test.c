/*
 * t/unit/common/template_test.c - texts with variables, and the table of variables.
 */
#include "common/template.h"
#include "t/unit/tap.h"

static struct pool *pool;
static struct var_table vars;

static void get_nothing(struct scope *scope, struct var_value *out, uintptr_t data)
{
    out->state = VAR_NOT_FOUND;
}

static const struct var_def defs[] = {
    {"host", get_nothing, NULL, 7, 0},
    {"args", get_nothing, NULL, 0, VAR_CHANGEABLE},
    {"http_", get_nothing, NULL, 0, VAR_PREFIX},
    {"http_long_", get_nothing, NULL, 1, VAR_PREFIX | VAR_NO_CACHE},
    {NULL, NULL, NULL, 0, 0},
};

/* The parts joined by "|": text as it is, $name, or \1; "!why" for a fault. */
static const char *compiled(const char *text)
{
    static char out[1024];
    const char *why = "?";
    struct template *t = template_compile(pool, &vars, str_of(text), &why);
    size_t len = 0;

    out[0] = '\0';
    if (t == NULL) {
        snprintf(out, sizeof(out), "!%s", why);
        return out;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        const struct template_part *p = &t->parts[i];

        len += (size_t)sprintf(out + len, "%s", i > 0 ? "|" : "");
        if (p->kind == PART_TEXT)
            len += (size_t)sprintf(out + len, "%" STR_FMT, STR_ARG(p->text));
        else if (p->kind == PART_CAPTURE)
            len += (size_t)sprintf(out + len, "\\%u", p->index);
        else
            len += (size_t)sprintf(out + len, "$%" STR_FMT, STR_ARG(
                (*(struct var **)array_at(&vars.vars, p->index))->name));
    }
    return out;
}

static void compiles(void)
{
    const char *why;

    is_str(compiled("$host"), "$host", "one variable");
    is_str(compiled("a$host/b${args}c$1d"), "a|$host|/b|$args|c|\\1|d", "all kinds of parts");
    is_str(compiled("$12"), "\\1|2", "captures have one digit");
    is_str(compiled("$Host"), "$host", "case does not count");
    is_str(compiled("$host$host"), "$host|$host", "side by side");
    is_str(compiled("a$"), "!invalid variable name", "nothing behind $");
    is_str(compiled("$-x"), "!invalid variable name", "no name behind $");
    is_str(compiled("${}"), "!invalid variable name", "no name in braces");
    is_str(compiled("${abc"), "!the closing bracket in \"abc\" variable is missing", "no }");
    ok(template_compile(pool, &vars, STR("plain"), &why)->constant, "a constant");
    ok(template_compile(pool, &vars, STR(""), &why)->constant, "an empty one");
}

static const struct var *used(const char *name)
{
    return *(struct var **)array_at(&vars.vars, var_use(&vars, str_of(name)));
}

static void knows_variables(void)
{
    size_t before = vars.vars.count;

    ok(used("http_x_y")->defined, "a prefix defines names");
    is_slice(*(const struct str *)used("http_x_y")->data, "http_x_y", "which it is told");
    is_int(used("http_long_a")->flags & VAR_NO_CACHE, VAR_NO_CACHE, "the longest prefix counts");
    is_int((int64_t)vars.vars.count, (int64_t)before + 2, "names have one index");
    is_int((int64_t)used("host")->data, 7, "a module's own");
    ok(var_define(&vars, STR("host"), 0) == NULL, "which nobody may define anew");
    ok(var_define(&vars, STR("args"), 0)->get == get_nothing, "a changeable one comes as it is");
    ok(var_define(&vars, STR("http_mine"), 0)->get == NULL, "a name of a prefix may be taken");
    ok(var_define(&vars, STR("Mine"), 0) != NULL, "a new one");
    ok(var_define(&vars, STR("mine"), 0) == NULL, "only once");
}

static void finds_the_undefined(void)
{
    const struct var *var;

    var_use(&vars, STR("nobody_has"));
    var_use(&vars, STR("this"));
    var_use(&vars, STR("late"));
    var_define(&vars, STR("late"), 0);
    while ((var = var_table_missing(&vars)) != NULL && !str_eq(var->name, STR("nobody_has")))
        continue;
    ok(var != NULL, "the first");
    is_slice(var_table_missing(&vars)->name, "this", "the second");
    ok(var_table_missing(&vars) == NULL, "no more");
}

int main(void)
{
    pool = pool_create(65536);
    var_table_init(&vars, pool);
    var_table_add(&vars, defs, COUNT(defs));
    compiles();
    knows_variables();
    finds_the_undefined();
    pool_destroy(pool);
    return tap_done();
}
