/*
 * worker/upstream/lb_least_conn.h - the peer with the fewest connections for its weight.
 */
#pragma once

#include "common/module.h"

extern const struct module least_conn_module;
