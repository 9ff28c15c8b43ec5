/*
 * common/slab_check.h - whether a slab's lists and counts agree with what is allocated.
 */
#pragma once

#include "common/slab.h"

/* NULL, or the first thing that is wrong. Under the zone's lock. Follows no link that it has not
   checked, so it may be used on any memory. */
const char *slab_check(const struct slab *s);
