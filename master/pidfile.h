/*
 * master/pidfile.h - the file that says which process is the master.
 */
#pragma once

#include "common/base.h"

/* What a master's pid file is called while its successor runs. */
#define PIDFILE_OLD ".oldbin"

/* Writes our pid, over whatever a dead master left. False after an [emerg] line. */
bool pidfile_write(const char *path);

/* Removes the file if it holds our pid. */
void pidfile_remove(const char *path);

/* Moves it away (`to_old`) for a new binary, or back. False after an [alert] line. */
bool pidfile_rename(const char *path, bool to_old);

/* The pid in it; 0 after an [error] line in nginx's words. */
pid_t pidfile_read(const char *path);
