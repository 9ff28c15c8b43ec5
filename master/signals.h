/*
 * master/signals.h - signals as events: the master reads them from a descriptor.
 */
#pragma once

#include <sys/signalfd.h>

#include "common/base.h"

/* Blocks the signals we act on, ignores SIGPIPE, and returns the descriptor; -1 with errno. */
int signals_open(void);

/* The next one; false when there is none. */
bool signals_next(int fd, struct signalfd_siginfo *info);

/* In a child: TERM, INT, QUIT and USR1 sent to the process itself set their bit in *seen and
   interrupt system calls. Nothing is blocked afterwards. */
void signals_note(volatile int *seen);

/* The signal behind -s NAME. */
int signals_find(const char *command);
