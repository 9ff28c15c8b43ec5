/*
 * worker/h2/h2_conn.h - a client's HTTP/2 connection (RFC 9113): many requests at once.
 *
 * libnghttp2 frames, compresses and counts windows; here are the connection as a machine, the
 * streams as requests, and the order in which bytes leave.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#include "common/buf.h"
#include "common/list.h"
#include "worker/h2/h2_flood.h"
#include "worker/http/request.h"
#include "worker/http/wire.h"

#define H2_FRAME_HEAD 9 /* bytes (RFC 9113, 4.1) */

struct http_address;
struct http_core_conf;
struct h2_tunnel;

struct h2_conf {
    bool enabled;
    bool extended_connect;
    int64_t concurrent_streams, preread_bytes, recv_buffer_bytes, chunk_bytes;
};

extern const struct module h2_module;
extern uint32_t h2_index;
extern const struct wire_ops h2_wire;

enum h2_state {
    H2_SERVE,
    H2_LINGER, /* our side is shut: what still comes is read and dropped */
    H2_CLOSED,
    H2_STATES
};

/* A request with its answer. Recycled. */
struct h2_stream {
    struct request r;
    struct http_fields in, out_fields;
    struct h2_conn *owner;
    struct link link;          /* of the connection's streams */
    struct link turn;          /* of `answered`, or of `written` */
    int32_t id;
    struct post post;          /* the source of the response's body has news */
    struct timer timer;        /* bounds a response that does not move, a request body that does not
                                  come */

    /* The request's head as it arrives. */
    struct str scheme, authority;
    struct str protocol;       /* of an extended CONNECT (RFC 8441) */
    struct str cookie;         /* all of them, joined (RFC 9113, 8.2.3) */
    size_t head_bytes;
    size_t trailer_bytes;      /* of fields behind the body */
    uint8_t fault;             /* enum h1_fault: why the head is refused */
    bool begun;                /* the head is complete, the engine has it */

    /* Its body: one buffer is read while the other fills. */
    struct source body;
    struct buf reading, filling;
    bool body_used, body_done, body_bad, continue_sent;

    /* The response. */
    struct chain pending;      /* of its body, pulled and not yet in a frame */
    int64_t left_out;          /* bytes of body still owed; -1: unknown */
    bool answered;             /* the engine is done */
    bool submitted;            /* the library has the head */
    bool body_ended;           /* the source has no more */
    bool in_flight;            /* pieces of it wait for the socket */
    bool starved;              /* the source has nothing yet: it has its own timer */
    bool stopped;              /* the rest of the request's body is not wanted */
    bool closed;               /* the library has forgotten it */
    bool reset;                /* ... before all of the response was in frames */
    take_fn *take;             /* who gets the stream as a connection */
    struct h2_tunnel *tunnel;  /* that it is; NULL: not one */
};

struct h2_conn {
    struct conn conn;          /* first */
    nghttp2_session *session;
    struct h2_fold *fold;      /* where its tables lie; NULL: in no place of their own */
    const struct http_address *address;
    struct http_server *server; /* the default one, or the one of SNI */
    const struct http_core_conf *conf;
    const struct h2_conf *h2;
    struct list streams;       /* struct h2_stream, all */
    struct list answered;      /* whose heads are to be submitted */
    struct list written;       /* with pieces in `out`, or finished once `out` is */
    struct chain out;          /* frames on their way */
    struct buf frames;         /* heads of frames in `out` */
    struct buf early;          /* read before this room had the connection */
    int64_t opened_ms, linger_until_ms;
    int64_t idle_until_ms;     /* while no stream is open */
    int64_t drain_until_ms;    /* a successor serves: from then on nothing new begins here */
    uint64_t stuck_at;         /* conn.sent when the socket took no more */
    struct h2_flood flood;
    size_t queued;             /* frames of the library's, before the one that comes now */
    uint64_t recent_ids;       /* of streams: bit n is that of newest_id - 2n */
    int32_t newest_id;
    uint32_t requests, open;   /* begun in all; streams */
    uint8_t state;             /* enum h2_state */
    bool running, draining, full, last_goaway, timed_out, stuck;
    bool rests;                /* the session is folded up */
};

/* The head of a request did not end in time. No frame can be told from it: the connection ends. */
void h2_conn_head_timed_out(struct h2_conn *c);

/* h2_stream.c: for the callbacks. */
struct h2_stream *h2_stream_open(struct h2_conn *c, int32_t id);
/* Frees the stream; whatever its request still was must have ended. */
void h2_stream_free(struct h2_stream *s);
void h2_stream_field(struct h2_stream *s, struct str name, struct str value);
/* The head is complete: the engine begins. `ended`: no body follows. */
void h2_stream_begin(struct h2_stream *s, bool ended);
void h2_stream_data(struct h2_stream *s, struct str data);
void h2_stream_data_end(struct h2_stream *s);
/* All of the response is in frames, and the client may still send. */
static inline bool h2_stream_is_answered(const struct h2_stream *s)
{
    return s->submitted && s->body_ended && s->pending.bytes == 0 && !s->closed;
}
/* The client will send no more of a body: it reset the stream, or left. */
void h2_stream_cut(struct h2_stream *s);
struct source *h2_stream_body(struct request *r);
/* Somebody reads the body: more of it may come. */
void h2_stream_widen(struct h2_stream *s);

/* h2_write.c: the response's head to the library, its body as the library asks for it. */
bool h2_write_head(struct h2_stream *s);
bool h2_write_interim(struct h2_stream *s, int status, const struct http_fields *fields);
ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *unused, size_t room,
                     uint32_t *flags, nghttp2_data_source *source, void *user);
int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t bytes,
                 nghttp2_data_source *source, void *user);
