/*
 * common/template.c - compiling text with variables.
 */
#include "common/template.h"

struct compiler {
    struct pool *pool;
    struct var_table *vars;
    struct template_part *parts;
    uint32_t count;
    const char *why;
};

bool template_has_vars(struct str text)
{
    return str_find(text, '$') >= 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_capture(struct str s)
{
    return s.len > 0 && s.data[0] >= '1' && s.data[0] <= '9';
}

/* Reads what follows a $ at the front of s; returns the bytes used, 0 for a fault. */
static size_t read_variable(struct compiler *c, struct str s)
{
    struct template_part *part = &c->parts[c->count++];
    bool braces = s.len > 0 && s.data[0] == '{';
    size_t start = braces, end = start;

    if (is_capture(s)) {
        *part = (struct template_part){.kind = PART_CAPTURE, .index = (uint32_t)(s.data[0] - '0')};
        return 1;
    }
    while (end < s.len && is_name_char(s.data[end]))
        end++;
    if (braces && (end == s.len || s.data[end] != '}')) {
        c->why = pool_printf(c->pool, "the closing bracket in \"%" STR_FMT "\" variable is missing",
                             (int)(end - start), s.data + start).data;
        return 0;
    }
    if (end == start) {
        c->why = "invalid variable name";
        return 0;
    }
    *part = (struct template_part){
        .kind = PART_VAR, .index = var_use(c->vars, (struct str){s.data + start, end - start})};
    return end + braces;
}

static bool compile_parts(struct compiler *c, struct str text)
{
    while (text.len > 0) {
        ssize_t dollar = str_find(text, '$');
        size_t plain = dollar < 0 ? text.len : (size_t)dollar, used;

        if (plain > 0)
            c->parts[c->count++] = (struct template_part){
                .kind = PART_TEXT, .text = {text.data, plain}};
        if (dollar < 0)
            break;
        text = str_from(text, plain + 1);
        used = read_variable(c, text);
        if (used == 0)
            return false;
        text = str_from(text, used);
    }
    return true;
}

struct template *template_compile(struct pool *pool, struct var_table *vars, struct str text,
                                  const char **why)
{
    struct template *t = pool_zalloc(pool, sizeof(*t));
    struct compiler c = {.pool = pool, .vars = vars};
    size_t dollars = 0;

    t->source = text;
    for (size_t i = 0; i < text.len; i++)
        dollars += text.data[i] == '$';
    if (dollars == 0) {
        t->constant = true;
        return t;
    }
    c.parts = pool_alloc(pool, (dollars * 2 + 1) * sizeof(*c.parts));
    if (!compile_parts(&c, text)) {
        *why = c.why;
        return NULL;
    }
    t->parts = c.parts;
    t->count = c.count;
    return t;
}
