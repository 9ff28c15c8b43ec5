/*
 * worker/http/early_hints.h - whether a client gets the hints that an origin gives (RFC 8297).
 */
#pragma once

#include "worker/http/request.h"

extern const struct module early_hints_module;

bool early_hints_wanted(struct request *r);
