/*
 * master/daemonize.h - leaving the terminal.
 */
#pragma once

#include "common/base.h"

/*
 * Forks; the caller goes on in the new process, in a session of its own. The process that was
 * started waits until the new one is serving, or has failed, and exits with the code that says
 * which: whoever started us finds us ready. Messages reach the terminal until then. Returns the
 * descriptor to give to daemonize_release, -1 on failure (errno).
 */
int daemonize(void);

/* The starter may exit, with success. Detaches stderr: to log_fd, or /dev/null when that is -1. */
void daemonize_release(int fd, int log_fd);
