/*
 * worker/upstream/lb_ip_hash.h - clients of one network stay with one peer.
 */
#pragma once

#include "common/module.h"

extern const struct module ip_hash_module;
