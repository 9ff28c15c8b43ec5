/*
 * worker/handler/index.h - a directory is answered by the first of its index files that exists.
 */
#pragma once

#include "common/module.h"

extern const struct module index_module;
