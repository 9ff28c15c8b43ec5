/*
 * worker/filter/brotli.h - responses compressed with Brotli. Built where libbrotlienc is.
 */
#pragma once

#include "common/module.h"

extern const struct module brotli_module;
