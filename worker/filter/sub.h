/*
 * worker/filter/sub.h - texts in responses replaced by others.
 */
#pragma once

#include "common/module.h"

extern const struct module sub_module;
