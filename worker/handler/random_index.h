/*
 * worker/handler/random_index.h - a directory is answered by any one of its files.
 */
#pragma once

#include "common/module.h"

extern const struct module random_index_module;
