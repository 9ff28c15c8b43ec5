/*
 * worker/codec/cookie.h - cookies that a client sends (RFC 6265, 5.4).
 */
#pragma once

#include "worker/codec/field.h"

/* The value of the first with this name, whatever its case, in all Cookie fields, or STR_NONE. */
struct str cookie_find(const struct http_fields *fields, struct str name);
