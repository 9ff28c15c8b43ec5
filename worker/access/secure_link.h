/*
 * worker/access/secure_link.h - links that only we can make, for a time.
 */
#pragma once

#include "common/module.h"

extern const struct module secure_link_module;
