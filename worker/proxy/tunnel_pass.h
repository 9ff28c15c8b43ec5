/*
 * worker/proxy/tunnel_pass.h - CONNECT: the client's connection becomes one to where it asks.
 */
#pragma once

#include "common/module.h"

extern const struct module tunnel_pass_module;
