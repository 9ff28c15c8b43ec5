/*
 * worker/http/coded_text.c - texts of the rewrite language, with what they capture coded again.
 *
 * Named captures are variables, and stay as they are.
 */
#include "worker/http/coded_text.h"

#include "worker/codec/escape.h"

static bool wrote_codes(const struct request *r)
{
    struct str path = r->target;
    ssize_t mark;

    if (r->uri_quoted)
        return true;
    mark = str_find(path, '?');
    if (mark >= 0)
        path.len = (size_t)mark;
    return str_find(path, '+') >= 0;
}

struct str coded_text(struct request *r, const struct template *t)
{
    struct pool *pool = request_pool(r);
    struct str text = STR(""), part;

    if (t->constant || !wrote_codes(r))
        return scope_eval(&r->scope, t);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct template_part *p = &t->parts[i];

        if (p->kind == PART_TEXT)
            part = p->text;
        else if (p->kind == PART_VAR)
            part = var_str(scope_var(&r->scope, p->index));
        else
            part = escape(pool, scope_capture(&r->scope, p->index), ESCAPE_ARGS);
        text = pool_printf(pool, "%" STR_FMT "%" STR_FMT, STR_ARG(text), STR_ARG(part));
    }
    return text;
}
