/*
 * worker/access/access.h - who may come in by address: `allow`, `deny` for http.
 */
#pragma once

#include "common/module.h"

extern const struct module access_module;
