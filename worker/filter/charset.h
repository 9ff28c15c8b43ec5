/*
 * worker/filter/charset.h - the charset of responses: named, and converted where a map is given.
 */
#pragma once

#include "common/module.h"

extern const struct module charset_module;
