/*
 * master/quick.h - `weir serve` and `weir proxy`: the configuration they stand for.
 */
#pragma once

#include "master/generation_load.h"

/* The text, in the pool. NULL after a message on stderr. */
const char *quick_text(const struct options *o, struct pool *pool);

/* A source for that text, with a temporary directory as its prefix. False after a message. */
bool quick_source(struct load_source *source, const struct options *o, const char *text);

/* Tells on stderr where to look. */
void quick_announce(const struct options *o);

/* Removes the temporary directory. */
void quick_cleanup(const struct load_source *source);
