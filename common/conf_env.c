/*
 * common/conf_env.c - ${env:NAME} and ${env:NAME:-default} in a word of a configuration.
 */
#include "common/conf_env.h"

#include <stdlib.h>

#define OPENING STR("${env:")

const char *conf_env_find(const char *from, const char *end)
{
    for (const char *p = from; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '$' && str_starts(str_range(p, end), OPENING))
            return p;
    }
    return end;
}

static struct str fail(struct conf_env_fault *fault, const char *at, struct str what,
                       const char *hint)
{
    *fault = (struct conf_env_fault){.what = what.data, .hint = hint, .at = at};
    return STR("");
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.data[i]);

        if (!(c >= 'a' && c <= 'z') && c != '_' && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

/* Splits "NAME" or "NAME:-default". */
static struct str cut_default(struct str *name)
{
    ssize_t colon = str_find(*name, ':');
    struct str value = STR_NONE;

    if (colon >= 0 && str_starts(str_from(*name, (size_t)colon), STR(":-"))) {
        value = str_from(*name, (size_t)colon + 2);
        name->len = (size_t)colon;
    }
    return value;
}

struct str conf_env_value(struct pool *pool, const char **at, const char *end,
                          struct conf_env_fault *fault)
{
    const char *start = *at, *inner = start + OPENING.len;
    const char *close = memchr(inner, '}', (size_t)(end - inner));
    struct str name = str_range(inner, close == NULL ? end : close), otherwise;
    const char *value;

    *at = end;
    if (close == NULL)
        return fail(fault, start, pool_printf(pool, "\"%" STR_FMT "\" is not closed by \"}\"",
                                              STR_ARG(str_range(start, end))),
                    "a default with spaces, \";\" or \"{\" needs quotes around the whole word");
    otherwise = cut_default(&name);
    if (!is_name(name))
        return fail(fault, start, pool_printf(pool, "invalid environment variable name \"%" STR_FMT
                                              "\"", STR_ARG(name)), NULL);
    if (otherwise.data != NULL && str_search(otherwise, STR("${")) >= 0)
        return fail(fault, start, STR("a default within \"${env:...}\" cannot have variables"),
                    NULL);
    *at = close + 1;
    value = getenv(pool_cstr(pool, name));
    if (value != NULL && (value[0] != '\0' || otherwise.data == NULL))
        return pool_str(pool, str_of(value));
    if (otherwise.data != NULL)
        return otherwise;
    return fail(fault, start, pool_printf(pool, "environment variable \"%" STR_FMT
                                          "\" is not set", STR_ARG(name)),
                pool_printf(pool, "\"${env:%" STR_FMT ":-text}\" gives it a default",
                            STR_ARG(name)).data);
}
