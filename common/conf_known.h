/*
 * common/conf_known.h - directives that nginx knows, whether or not we do.
 */
#pragma once

#include "common/str.h"

/* The nginx module that has a directive of that name, or NULL. */
const char *conf_known_module(struct str name, bool *commercial);

/* What to use instead of a directive that nginx had once, or that others add to it; or NULL. */
const char *conf_known_removed(struct str name);
