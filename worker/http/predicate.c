/*
 * worker/http/predicate.c - strings of which one that is neither empty nor "0" is enough.
 */
#include "worker/http/predicate.h"

#include "common/generation.h"

bool predicate_load(struct conf_call *call, struct array **list)
{
    if (*list == NULL) {
        *list = pool_alloc(call->pool, sizeof(**list));
        **list = array_of(struct template *, call->pool);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        const char *why;
        struct template *t =
            template_compile(call->pool, &call->gen->http_vars, conf_arg(call, i), &why);

        if (t == NULL)
            return conf_fail_arg(call, i, "%s", why);
        *(struct template **)array_push(*list) = t;
    }
    return true;
}

bool predicate_holds(struct request *r, const struct array *list)
{
    if (list == NULL)
        return false;
    EACH (struct template *, t, list) {
        struct str value = scope_eval(&r->scope, *t);

        if (value.len > 0 && !str_eq(value, STR("0")))
            return true;
    }
    return false;
}
