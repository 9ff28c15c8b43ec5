/*
 * worker/http/http_block.h - the blocks that give an http configuration its shape: http, server,
 * location, listen, server_name.
 */
#pragma once

#include "worker/http/server.h"

extern const struct module http_block_module;

/* The server or location that a scope belongs to (walks up from if and limit_except). */
struct http_server *http_block_server(const struct conf_scope *scope);
struct location *http_block_location(const struct conf_scope *scope); /* NULL outside locations */

/* For a directive whose block is a place of its own within a location or server (if, limit_except):
   the location that stands for it. When all is loaded it gets the handler of the location around it
   if it has none of its own. */
struct location *http_block_inside(struct conf_call *call);
