/*
 * worker/net/scope_conf.c - variables and templates at load, in the table of http or of stream.
 */
#include "worker/net/scope_conf.h"

#include "common/generation.h"

struct var_table *scope_conf_table(const struct conf_call *call)
{
    return call->scope->kind & (IN_STREAM | IN_STREAM_SERVER) ? &call->gen->stream_vars
                                                              : &call->gen->http_vars;
}

static bool is_name(struct conf_call *call, uint32_t arg)
{
    struct str text = conf_arg(call, arg);

    if (text.len > 1 && text.data[0] == '$')
        return true;
    conf_fail_arg(call, arg, "invalid variable name \"%" STR_FMT "\"", STR_ARG(text));
    return conf_hint(call, "a variable's name begins with \"$\"");
}

struct var *scope_conf_define(struct conf_call *call, uint32_t arg)
{
    struct str text = conf_arg(call, arg);
    struct var *var;

    if (!is_name(call, arg))
        return NULL;
    var = var_define(scope_conf_table(call), str_from(text, 1), VAR_CHANGEABLE);
    if (var == NULL)
        conf_fail_arg(call, arg, "the duplicate \"%" STR_FMT "\" variable",
                      STR_ARG(str_from(text, 1)));
    return var;
}

bool scope_conf_use(struct conf_call *call, uint32_t arg, uint32_t *index)
{
    if (!is_name(call, arg))
        return false;
    *index = var_use(scope_conf_table(call), str_from(conf_arg(call, arg), 1));
    return true;
}

struct template *scope_conf_template(struct conf_call *call, const struct conf_node *node,
                                    uint32_t word)
{
    struct var_table *table = scope_conf_table(call);
    const struct conf_node *before = table->place;
    struct template *t;
    const char *why;

    table->place = node; /* a name that nobody defines is missing there */
    t = template_compile(call->pool, table, node->words[word].text, &why);
    table->place = before;
    if (t == NULL)
        conf_fail_in(call, node, word, "%s", why);
    return t;
}
