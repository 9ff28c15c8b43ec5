/*
 * worker/http/type_set.h - sets of MIME types: gzip_types and its like.
 */
#pragma once

#include "common/conf_load.h"

struct type_set;

/* Config time: adds the directive's arguments to *set (made, with text/html in it, when NULL). "*"
   is any type. False after conf_fail. */
bool type_set_load(struct conf_call *call, struct type_set **set);

/* Whether the set has a Content-Type, parameters and case aside. A NULL set has text/html. */
bool type_set_has(const struct type_set *set, struct str content_type);
