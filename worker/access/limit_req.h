/*
 * worker/access/limit_req.h - limits on the rate of requests.
 */
#pragma once

#include "common/module.h"

extern const struct module limit_req_module;
