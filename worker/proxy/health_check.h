/*
 * worker/proxy/health_check.h - the directives health_check and match.
 */
#pragma once

#include "common/module.h"

extern const struct module health_check_module;
