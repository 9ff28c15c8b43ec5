/*
 * worker/filter/range.h - parts of a body: 206 and 416 (RFC 9110, 14).
 */
#pragma once

#include "common/module.h"

extern const struct module range_module;
