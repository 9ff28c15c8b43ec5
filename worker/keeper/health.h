/*
 * worker/keeper/health.h - health checks of origins: who is asked when, and what is made of it.
 */
#pragma once

#include "worker/keeper/keeper.h"

extern const struct keeper_job health_job;
