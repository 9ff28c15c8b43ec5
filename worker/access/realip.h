/*
 * worker/access/realip.h - the client's address as a trusted proxy tells it.
 */
#pragma once

#include "common/module.h"

extern const struct module realip_module;
extern const struct module realip_late_module;
