/*
 * worker/filter/remove_header.h - fields that the configuration takes away from responses.
 */
#pragma once

#include "common/module.h"

extern const struct module remove_header_module;
