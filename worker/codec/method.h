/*
 * worker/codec/method.h - request methods that have a number of their own.
 *
 * Any token is a method; those that the configuration or the handlers speak of get a small number.
 * The rest are METHOD_OTHER and live on in their text.
 */
#pragma once

#include "common/str.h"

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_MKCOL,
    METHOD_COPY,
    METHOD_MOVE,
    METHOD_OPTIONS,
    METHOD_PROPFIND,
    METHOD_PROPPATCH,
    METHOD_LOCK,
    METHOD_UNLOCK,
    METHOD_PATCH,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHODS
};

#define METHOD_BIT(id) (1u << (id)) /* for sets of methods */

/* Case counts (RFC 9110, 9.1). METHOD_OTHER when there is no number for it. */
enum method method_find(struct str name);

/* "GET"; STR_NONE for METHOD_OTHER. */
struct str method_name(enum method id);

/* RFC 9110, 9.2.2: doing it twice has the effect of doing it once. METHOD_OTHER is not. */
bool method_is_idempotent(enum method id);
