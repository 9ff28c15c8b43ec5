/*
 * worker/http/request_vars.h - the variables of a request.
 */
#pragma once

#include "common/module.h"

extern const struct module http_variables_module;
