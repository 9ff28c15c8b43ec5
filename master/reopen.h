/*
 * master/reopen.h - log rotation: SIGUSR1.
 */
#pragma once

struct master;

/* Opens every log file of every living generation anew and hands it to the children. A file that
   cannot be opened stays as it was. */
void reopen_logs(struct master *m);
