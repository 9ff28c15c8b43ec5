/*
 * worker/handler/mp4.h - MP4 videos between two times.
 */
#pragma once

#include "common/module.h"

extern const struct module mp4_module;
