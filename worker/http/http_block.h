/*
 * worker/http/http_block.h - the blocks that give an http configuration its shape: http, server,
 * location, listen, server_name.
 */
#pragma once

#include "worker/http/server.h"

extern const struct module http_block_module;
extern uint32_t http_block_index;

/* The server or location that a scope belongs to (walks up from if and limit_except). */
struct http_server *http_block_server(const struct conf_scope *scope);
struct location *http_block_location(const struct conf_scope *scope); /* NULL outside locations */
