/*
 * worker/filter/gunzip.h - responses compressed with gzip, for clients that do not take it.
 */
#pragma once

#include "common/module.h"

extern const struct module gunzip_module;
