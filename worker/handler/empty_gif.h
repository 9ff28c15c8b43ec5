/*
 * worker/handler/empty_gif.h - a transparent picture of one pixel, from memory.
 */
#pragma once

#include "common/module.h"

extern const struct module empty_gif_module;
