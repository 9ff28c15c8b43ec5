/*
 * worker/access/auth_basic.h - users and passwords from a file (RFC 7617).
 */
#pragma once

#include "common/module.h"

extern const struct module auth_basic_module;
