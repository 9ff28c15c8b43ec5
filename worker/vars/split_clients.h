/*
 * worker/vars/split_clients.h - variables that divide clients into parts of given sizes.
 */
#pragma once

#include "common/module.h"

extern const struct module split_clients_module;
