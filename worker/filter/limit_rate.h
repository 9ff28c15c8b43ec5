/*
 * worker/filter/limit_rate.h - how fast a response may go out.
 */
#pragma once

#include "common/module.h"

extern const struct module limit_rate_module;
