/*
 * worker/filter/not_modified.h - conditional requests: 304 and 412 (RFC 9110, 13).
 */
#pragma once

#include "common/module.h"

extern const struct module not_modified_module;
