/*
 * master/start.h - from a command line to a master that serves, and to its end.
 */
#pragma once

#include "master/generation_load.h"

/* Runs the server. Returns the exit code of the master (or, with master_process off, of the one
   process there is). */
int start(const struct options *o, const struct load_source *source, int argc, char **argv);
