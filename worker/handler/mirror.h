/*
 * worker/handler/mirror.h - requests copied to other places.
 */
#pragma once

#include "common/module.h"

extern const struct module mirror_module;
