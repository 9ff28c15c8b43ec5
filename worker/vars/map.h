/*
 * worker/vars/map.h - variables whose value depends on that of others.
 */
#pragma once

#include "common/module.h"

extern const struct module map_module;
