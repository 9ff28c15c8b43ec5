/*
 * worker/vars/tls_vars.h - variables of a client's TLS connection.
 */
#pragma once

#include "common/module.h"

extern const struct module tls_vars_module;
