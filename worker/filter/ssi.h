/*
 * worker/filter/ssi.h - server side includes.
 */
#pragma once

#include "common/module.h"

extern const struct module ssi_module;
