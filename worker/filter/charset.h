/*
 * worker/filter/charset.h - the charset that Content-Type names.
 */
#pragma once

#include "common/module.h"

extern const struct module charset_module;
