/*
 * worker/handler/static_file.h - files below `root` or `alias`.
 */
#pragma once

#include "common/module.h"

extern const struct module static_file_module;
