/*
 * worker/h2/h2_obsolete.h - directives of HTTP/2 that configurations still have and nobody needs.
 */
#pragma once

#include "common/module.h"

extern const struct module h2_obsolete_module;
