/*
 * worker/keeper_role.h - the keeper's process.
 */
#pragma once

#include "common/role.h"

extern const struct role keeper_role;
