/*
 * worker/access/auth_request.h - access by the answer to a subrequest.
 */
#pragma once

#include "common/module.h"

extern const struct module auth_request_module;
