/*
 * master/test_run.h - `-t` and `-T`: what is wrong with a configuration.
 */
#pragma once

#include "master/generation_load.h"

/* Binds nothing, creates nothing. Returns the exit code. */
int test_run(const struct options *o, const struct load_source *source);
