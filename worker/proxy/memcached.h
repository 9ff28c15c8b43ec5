/*
 * worker/proxy/memcached.h - memcached_pass and its kin: answers out of memcached.
 */
#pragma once

#include "common/module.h"

extern const struct module memcached_module;
extern uint32_t memcached_index;
