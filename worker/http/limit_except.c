/*
 * worker/http/limit_except.c - what holds in a location for all methods but some.
 *
 * As `if` does, the block makes a location of its own inside the one it stands in. A request whose
 * method is not listed enters that one instead (request_enter); the rewrite steps around it are not
 * its own, the content handler is.
 */
#include "worker/http/limit_except.h"

#include "worker/http/http_block.h"

static bool read_methods(struct conf_call *call, uint32_t *methods)
{
    for (uint32_t i = 0; i < call->count; i++) {
        enum method method = METHOD_OTHER;

        for (int id = METHOD_GET; id <= METHOD_PATCH; id++) {
            if (str_eq_nocase(conf_arg(call, i), method_name((enum method)id)))
                method = (enum method)id;
        }
        if (method == METHOD_OTHER)
            return conf_fail_arg(call, i, "invalid method \"%" STR_FMT "\"",
                                 STR_ARG(conf_arg(call, i)));
        *methods |= METHOD_BIT(method);
    }
    if (*methods & METHOD_BIT(METHOD_GET))
        *methods |= METHOD_BIT(METHOD_HEAD);
    return true;
}

static bool open_block(struct conf_call *call)
{
    struct location *outer = http_block_location(call->scope);

    if (!read_methods(call, &outer->except_methods))
        return false;
    outer->except = http_block_inside(call);
    return true;
}

static const struct directive directives[] = {
    {.name = "limit_except", .where = IN_LOCATION, .args = "method ... { }", .apply = open_block,
     .opens = IN_LIMIT_EXCEPT,
     .doc = "What holds for all methods but these. GET stands for HEAD too."},
};

const struct module limit_except_module = {
    .name = "limit_except",
    .doc = "Limits by method.",
    .family = FAMILY_HTTP,
    .directives = TABLE(directives),
};
