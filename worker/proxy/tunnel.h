/*
 * worker/proxy/tunnel.h - after 101: bytes both ways between a client's connection and an origin's.
 */
#pragma once

#include "worker/http/request.h"

/* The wire's `take`: the head of the 101 is out, the connection is ours until the tunnel ends. */
struct post *tunnel_take(struct request *r, struct conn *client, struct str early);
