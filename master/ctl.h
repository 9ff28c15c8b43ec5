/*
 * master/ctl.h - `weir ctl`: the client of the control socket.
 */
#pragma once

#include <stdio.h>

#include "master/generation_load.h"

/* The words of the command are in `o`. The exit code: 0 done, 1 refused or failed (the reason is
   printed), 2 a malformed command, 3 no server, or no answer. */
int ctl_run(const struct options *o);

/* To `out`. */
void ctl_usage(const struct options *o, FILE *out);
