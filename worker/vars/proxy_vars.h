/*
 * worker/vars/proxy_vars.h - variables of what a PROXY header said.
 */
#pragma once

#include "common/module.h"

extern const struct module proxy_vars_module;
