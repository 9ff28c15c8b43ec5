/*
 * worker/handler/gzip_static.h - files that were compressed beforehand: PATH.gz in place of PATH.
 */
#pragma once

#include "common/module.h"

extern const struct module gzip_static_module;
