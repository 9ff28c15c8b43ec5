/*
 * worker/access/referer.h - which pages may link here: valid_referers.
 */
#pragma once

#include "common/module.h"

extern const struct module referer_module;
