/*
 * worker/h1/h1_conn.h - a client's HTTP/1 connection (RFC 9112): one request after the other.
 */
#pragma once

#include "common/buf.h"
#include "worker/codec/h1_chunk.h"
#include "worker/codec/h1_head.h"
#include "worker/codec/uri.h"
#include "worker/http/request.h"
#include "worker/http/wire.h"

enum h1_state {
    H1_PROXY,   /* a PROXY header is to come first */
    H1_SECURE,  /* the TLS handshake */
    H1_WAIT,    /* between requests: no buffer, no stream */
    H1_HEAD,    /* a head is arriving */
    H1_SWITCH,  /* it is another protocol: its room goes on */
    H1_RUN,     /* the engine has the request */
    H1_SEND,    /* the response goes out */
    H1_SKIP,    /* the rest of the request's body is read and dropped */
    H1_LINGER,  /* our side is shut: what still comes is read and dropped */
    H1_TUNNEL,  /* handed over */
    H1_CLOSED,
    H1_STATES
};

struct addr;
struct http_core_conf;
struct http_address;
struct listen_spec;

/* The fields of both heads: large, and only partly used. Recycled. */
struct h1_heads {
    struct http_fields out_fields;
    struct h1_head in;
};

/* All that exists only while a request does. Recycled, with its heads. */
struct h1_stream {
    struct request r;
    struct h1_heads *heads;    /* NULL in a tunnel */
    struct chain out;          /* the response on its way */
    struct buf head;           /* the response's head, kept over requests */
    bool chunk_out;            /* the body goes out in chunks */
    bool begun;                /* the response's head is made */
    size_t sent;               /* in this run of the machine */
    bool body_ended;           /* the source has no more */
    size_t fresh_head;         /* bytes of a head that waits for the first piece of body */
    size_t head_left;          /* of the head, not yet written */
    int64_t left_out;          /* bytes of body still owed; -1: unknown */
    char chunk_line[H1_CHUNK_HEAD_MAX + 2];

    /* The request's body, as a source (h1_body.c). */
    struct source body;
    bool body_used, body_done, body_bad, continue_sent;
    uint64_t body_left;        /* of a body with a length */
    struct h1_chunk chunk;
    struct buf body_buf;       /* what was read beyond the head's buffer */
    struct timer body_timer;
    struct h1_conn *owner;

    take_fn *take;             /* who gets the connection when the head of a 101 is out */
    struct post *tunnel;       /* what the taker wants to be posted */
    bool tunnel_over;
};

struct h1_conn {
    struct conn conn;          /* first */
    struct h1_stream *stream;  /* NULL in H1_WAIT and H1_LINGER */
    struct buf in;
    const struct http_address *address;
    struct http_server *server; /* until a request names one: the default, or the one of SNI */
    const struct http_core_conf *conf; /* of the default server until a request names another */
    int64_t opened_ms, linger_until_ms;
    uint32_t requests;
    uint32_t turn;             /* loop turn of the last request */
    uint16_t turn_requests;    /* begun in that turn */
    uint8_t state;             /* enum h1_state */
    bool responding;           /* the engine has answered */
    bool draining, timed_out, running;
    bool leaving;              /* it closes unless a request is here */
    bool keep;                 /* the connection stays open after this response */
    bool sending;              /* counted as writing */
    bool entered, progress;    /* in this run: a state was entered, bytes went out */
    bool starved;              /* all is written and the source has nothing yet */
    bool unread;               /* the client may still be sending */
    bool posts;                /* its last request had a body that is worth reading with the head */
};

#define H1_READ_AHEAD (16 * 1024)

extern const struct module h1_module;

extern const struct wire_ops h1_wire;

/* A connection was accepted (an accept_fn). */
void h1_conn_open(int fd, const struct addr *peer, const struct listen_spec *listen);
/* h1_begin.c: the steps before the first request. */
enum h1_state h1_step_proxy(struct h1_conn *c);
enum h1_state h1_step_secure(struct h1_conn *c);

/* Heads that nobody points to any more; NULL: none. */
void h1_heads_give(struct h1_heads *heads);
/* h1_tunnel.c: of CONNECT. */
enum uri_fault h1_connect_target(struct h1_conn *c);
/* Lends the connection to who takes it, until they give it back. */
enum h1_state h1_step_tunnel(struct h1_conn *c);

/* h1_body.c: prepares the stream for the body that the head announces. */
void h1_body_init(struct h1_conn *c);
/* Reads and drops: RC_OK when all of the body has been read. */
enum rc h1_body_skip(struct h1_conn *c);
struct source *h1_body_source(struct request *r);
/* Something ahead of the response (100, 103): sent now as far as it goes, the rest when it can. */
void h1_send_early(struct h1_conn *c, struct str text);
/* Bytes that came behind the body become the connection's next input. */
void h1_body_end(struct h1_conn *c);

/* h1_write.c: prints the response's head into stream->head and adds it to stream->out. */
void h1_write_head(struct h1_conn *c);
/* The end of a body in chunks, with its trailer fields. */
void h1_write_last(struct h1_conn *c);
/* Would a body be cut if it ended now? Then the connection must not end as for a whole one. */
bool h1_is_cut(const struct h1_conn *c);
