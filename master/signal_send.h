/*
 * master/signal_send.h - `-s stop|quit|reopen|reload`: talking to a master that runs.
 */
#pragma once

#include "master/generation_load.h"

/* The exit code. For reload it is that of the reload itself, whose faults are printed. */
int signal_send(const struct load_source *source, const char *command);
