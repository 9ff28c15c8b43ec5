/*
 * worker/handler/precompressed.h - files that were compressed beforehand: PATH.gz, PATH.br or
 * PATH.zst in place of PATH.
 */
#pragma once

#include "common/module.h"

extern const struct module gzip_static_module, brotli_static_module, zstd_static_module;
