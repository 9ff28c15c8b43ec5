/*
 * worker/http/server_names.h - which server a Host belongs to.
 */
#pragma once

#include "worker/http/server.h"

/* Applies one `server_name`. */
bool server_names_load(struct conf_call *call, struct http_server *server);

/* Builds the lookup of an address; reports names that two of its servers claim. */
bool server_names_build(struct generation *gen, struct http_address *address);

/*
 * The server for a Host (lower case) at this address: exact, longest leading wildcard, longest
 * trailing wildcard, first regex, default. A regex name's captures are kept in the scope; in
 * constant time but for regexes. Without a scope they are not kept.
 */
struct scope;
struct http_server *server_names_find(struct scope *scope, const struct http_address *address,
                                      struct str host);
