/*
 * worker/handler/stub_status.h - counts of connections and requests, as monitors know them.
 */
#pragma once

#include "common/module.h"

extern const struct module stub_status_module;
