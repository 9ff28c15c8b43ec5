/*
 * common/sig.h - installing signal handlers, and what signals are called.
 */
#pragma once

#include <signal.h>

#include "common/base.h"

struct sig_row {
    int number;
    void (*handler)(int number); /* also SIG_IGN and SIG_DFL (which is NULL) */
};

/* Installs every row; all signals of the rows are blocked while a handler runs, and system calls
   are not restarted, so that a sleeping loop wakes. */
void sig_install(const struct sig_row *rows, size_t count);

/* Back to SIG_DFL for every signal, and nothing blocked: for a child before exec. */
void sig_reset_all(void);

/* Blocks or unblocks the signals of the rows. */
void sig_block(const struct sig_row *rows, size_t count, bool block);

/* "SIGHUP"; "signal 99" for one without a name. Valid until the next call. */
const char *sig_name(int number);
