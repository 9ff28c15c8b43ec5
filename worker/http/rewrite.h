/*
 * worker/http/rewrite.h - rewrite, return, set, if, break: a short program per server and location.
 */
#pragma once

#include "common/module.h"

extern const struct module rewrite_module;
extern const struct module server_rewrite_module; /* the same programs, at server level */
