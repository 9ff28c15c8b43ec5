/*
 * worker/access/limit_conn.h - limits on requests in progress.
 */
#pragma once

#include "common/module.h"

extern const struct module limit_conn_module;
