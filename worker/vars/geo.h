/*
 * worker/vars/geo.h - variables whose value depends on an address.
 */
#pragma once

#include "common/module.h"

extern const struct module geo_module;
