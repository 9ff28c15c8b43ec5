/*
 * worker/filter/gzip.h - responses compressed on their way.
 */
#pragma once

#include "common/module.h"

extern const struct module gzip_module;
