/*
 * worker/filter/zstd.h - responses compressed with Zstandard. Built where libzstd is.
 */
#pragma once

#include "common/module.h"

extern const struct module zstd_module;
