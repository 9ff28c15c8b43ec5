/*
 * worker/upstream/lb_hash.h - requests with the same key go to the same peer.
 */
#pragma once

#include "common/module.h"

extern const struct module hash_module;
