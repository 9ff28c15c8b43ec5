/*
 * worker/handler/flv.h - Flash videos from a place within.
 */
#pragma once

#include "common/module.h"

extern const struct module flv_module;
