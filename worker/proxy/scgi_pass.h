/*
 * worker/proxy/scgi_pass.h - scgi_pass and its kin.
 */
#pragma once

#include "common/module.h"

extern const struct module scgi_module;
extern uint32_t scgi_index;
