/*
 * worker/http/browser.h - whether a client's browser is one of today or one of old.
 */
#pragma once

#include "common/module.h"

extern const struct module browser_module;
