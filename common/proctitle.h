/*
 * common/proctitle.h - what `ps` shows for a process.
 */
#pragma once

#include "common/base.h"

/* Call once, first thing in main. Returns a copy of argv: the original's memory becomes the title's
   room. The environment moves too (`environ` then points to copies). */
char **proctitle_init(int argc, char **argv, char **envp);

/* "weir: worker process". Cut to the room that arguments and environment took. Without
   proctitle_init nothing happens. */
void proctitle_set(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Appends to the title: " is shutting down". */
void proctitle_add(const char *text);
