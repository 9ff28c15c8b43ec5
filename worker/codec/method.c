/*
 * worker/codec/method.c - request methods that have a number of their own.
 */
#include "worker/codec/method.h"

static const struct str names[METHODS] = {
    [METHOD_GET] = STR_INIT("GET"),
    [METHOD_HEAD] = STR_INIT("HEAD"),
    [METHOD_POST] = STR_INIT("POST"),
    [METHOD_PUT] = STR_INIT("PUT"),
    [METHOD_DELETE] = STR_INIT("DELETE"),
    [METHOD_MKCOL] = STR_INIT("MKCOL"),
    [METHOD_COPY] = STR_INIT("COPY"),
    [METHOD_MOVE] = STR_INIT("MOVE"),
    [METHOD_OPTIONS] = STR_INIT("OPTIONS"),
    [METHOD_PROPFIND] = STR_INIT("PROPFIND"),
    [METHOD_PROPPATCH] = STR_INIT("PROPPATCH"),
    [METHOD_LOCK] = STR_INIT("LOCK"),
    [METHOD_UNLOCK] = STR_INIT("UNLOCK"),
    [METHOD_PATCH] = STR_INIT("PATCH"),
    [METHOD_TRACE] = STR_INIT("TRACE"),
    [METHOD_CONNECT] = STR_INIT("CONNECT"),
};

enum method method_find(struct str name)
{
    if (name.len == 3 && memcmp(name.data, "GET", 3) == 0)
        return METHOD_GET;
    for (enum method id = METHOD_HEAD; id < METHODS; id++)
        if (str_eq(names[id], name))
            return id;
    return METHOD_OTHER;
}

struct str method_name(enum method id)
{
    return names[id];
}

bool method_is_idempotent(enum method id)
{
    static const uint32_t idempotent =
        METHOD_BIT(METHOD_GET) | METHOD_BIT(METHOD_HEAD) | METHOD_BIT(METHOD_PUT) |
        METHOD_BIT(METHOD_DELETE) | METHOD_BIT(METHOD_OPTIONS) | METHOD_BIT(METHOD_TRACE) |
        METHOD_BIT(METHOD_MKCOL) | METHOD_BIT(METHOD_COPY) | METHOD_BIT(METHOD_MOVE) |
        METHOD_BIT(METHOD_PROPFIND) | METHOD_BIT(METHOD_PROPPATCH) | METHOD_BIT(METHOD_UNLOCK);

    return (idempotent & METHOD_BIT(id)) != 0;
}
