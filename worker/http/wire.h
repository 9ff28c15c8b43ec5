/*
 * worker/http/wire.h - what the http room asks of the protocol that carries a request.
 *
 * h1, h2 and h3 each give one table. A wire is a reader of the response's body: it pulls when it
 * can write.
 */
#pragma once

#include "worker/http/request.h"

struct buf;
struct http_address;
struct http_server;

/* A protocol that a connection may turn out to speak: by ALPN, or by the preface it sends. */
struct wire_protocol {
    /* Whether clients of the server at this address may speak it. */
    bool (*allowed)(const struct http_address *address, const struct http_server *server);
    /* Goes on with the connection, which moves (conn_move): `c` is only memory afterwards. What was
       read of it already is in `early`, which is taken over. */
    void (*take)(struct conn *c, const struct http_address *address, struct http_server *server,
                 struct buf *early);
};

/* HTTP/2; NULL until its room has started. */
extern const struct wire_protocol *wire_h2;

/* Takes a connection with what was read beyond the request. From now on the post it returns is run
   when the connection has news. */
typedef struct post *take_fn(struct request *r, struct conn *c, struct str early);

struct wire_ops {
    const char *name;
    /* The response head is final. Send it, pull r->out.body until its end, then request_done(r).
       Never re-enters the engine: it only notes and posts. */
    void (*respond)(struct request *r);
    /* Sends an interim response now: 100, 103 with the given fields. */
    void (*interim)(struct request *r, int status, const struct http_fields *fields);
    /* The body as it arrives from the client: a source of unread bytes, framing removed. NULL when
       there is none. Asked for once per request. Sends 100-continue first where expected. */
    struct source *(*body)(struct request *r);
    /* For tunnels (101, CONNECT): once the head is written the connection is lent to `take`. */
    void (*upgrade)(struct request *r, take_fn *take);
    /* The tunnel has ended: the connection is closed and the request done. */
    void (*release)(struct request *r);
};
