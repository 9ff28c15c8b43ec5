/*
 * worker/keeper/resolve_refresh.h - the names of upstream servers, asked for whenever their
 * addresses may have changed.
 */
#pragma once

#include "worker/keeper/keeper.h"

extern const struct keeper_job resolve_refresh_job;

/* Servers were changed at run time: asks for the names that there are now. */
void resolve_refresh_again(void);
