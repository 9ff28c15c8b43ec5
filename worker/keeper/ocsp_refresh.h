/*
 * worker/keeper/ocsp_refresh.h - OCSP responses fetched for `ssl_stapling`, before they end.
 */
#pragma once

#include "worker/keeper/keeper.h"

extern const struct keeper_job ocsp_refresh_job;
