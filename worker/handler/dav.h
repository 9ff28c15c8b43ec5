/*
 * worker/handler/dav.h - files written, made, copied, moved and removed by clients (WebDAV).
 */
#pragma once

#include "common/module.h"

extern const struct module dav_module;
