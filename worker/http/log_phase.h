/*
 * worker/http/log_phase.h - access logs of http: `access_log`, `log_format`, and the phase that
 * writes them.
 */
#pragma once

#include "common/module.h"

extern const struct module log_phase_module;
