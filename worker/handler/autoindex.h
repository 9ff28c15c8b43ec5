/*
 * worker/handler/autoindex.h - listings of directories.
 */
#pragma once

#include "common/module.h"

extern const struct module autoindex_module;
