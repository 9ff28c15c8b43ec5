/*
 * worker/upstream/lb_random.h - any peer, or the better of any two.
 */
#pragma once

#include "common/module.h"

extern const struct module random_module;
