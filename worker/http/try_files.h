/*
 * worker/http/try_files.h - the first of several files that exists, or else another uri.
 */
#pragma once

#include "common/module.h"

extern const struct module try_files_module;
