/*
 * worker/http/predicate.h - directives of the form `name string ...;` that apply to a request when
 * one of the strings is neither empty nor "0".
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

/* Config time: adds the directive's words to the list, made when first needed. */
bool predicate_load(struct conf_call *call, struct array **list);

/* False for NULL: the directive was not given. */
bool predicate_holds(struct request *r, const struct array *list);
