/*
 * worker/filter/headers.h - fields that the configuration adds to responses: add_header, expires,
 * add_trailer.
 */
#pragma once

#include "common/module.h"

extern const struct module headers_module;

/* The part that sends trailers: behind whatever may still change the body. */
extern const struct module trailers_module;
