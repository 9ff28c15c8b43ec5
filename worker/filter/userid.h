/*
 * worker/filter/userid.h - cookies that tell clients apart.
 */
#pragma once

#include "common/module.h"

extern const struct module userid_module;
