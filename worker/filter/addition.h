/*
 * worker/filter/addition.h - other answers before and behind a response.
 */
#pragma once

#include "common/module.h"

extern const struct module addition_module;
