/*
 * worker/upstream/server_line.h - what a `server` line says, whether the configuration has it, a
 * state file, or whoever changes servers at run time.
 */
#pragma once

#include "worker/upstream/group.h"

/* A line without parameters. The text is kept by reference. */
void server_line_init(struct upstream_server *s, struct str address);

/* Takes one parameter ("weight=2", "down"); the word is kept by reference. NULL, or why not, as
   what goes before the word. */
const char *server_line_take(struct upstream_server *s, struct str word);

/* When all parameters are known: whose name is asked for again and again (`resolve`). A server that
   is an address does not resolve. NULL, or why this cannot be, in the pool. */
const char *server_line_name(struct pool *pool, struct upstream_server *s);
