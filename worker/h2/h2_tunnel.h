/*
 * worker/h2/h2_tunnel.h - extended CONNECT (RFC 8441): a stream that becomes a tunnel.
 */
#pragma once

#include "worker/h2/h2_conn.h"

/* The head is complete and names a protocol: the request becomes the handshake that HTTP/1.1 has
   for it. False: none is known. */
bool h2_tunnel_ask(struct h2_stream *s);

/* The engine's answer is a switch of protocols: s->take gets the stream as a connection, whose
   bytes are the response's body from now on. */
void h2_tunnel_open(struct h2_stream *s);

/* The client is gone: whoever has the connection hears of it now, and releases it. */
void h2_tunnel_cut(struct h2_stream *s);

/* Whoever had it is done. What was written still goes out. */
void h2_tunnel_release(struct h2_stream *s);

bool h2_tunnel_is_open(const struct h2_stream *s);
