/*
 * worker/http/limit_except.h - what holds in a location for all methods but some.
 */
#pragma once

#include "common/module.h"

extern const struct module limit_except_module;
