/*
 * worker/h2/h2_client_conn.h - what a connection to an origin and its streams know of each other.
 */
#pragma once

#include "common/buf.h"
#include "worker/h2/h2_client.h"
#include "worker/h2/h2_flood.h"

enum client_state {
    CLIENT_SERVE,
    CLIENT_CLOSED,
    CLIENT_STATES
};

struct h2_client {
    struct post post;             /* first; the user of the connection */
    struct exchange *whole;
    nghttp2_session *session;
    struct list calls;            /* struct h2_call */
    uint32_t open;                /* of them */
    struct buf out;               /* frames on their way */
    struct h2_flood flood;
    int64_t heard_ms;             /* when the origin last said something */
    int64_t asked_ms;             /* when it was first asked something after that */
    uint8_t state;                /* enum client_state */
    bool running, full;
    bool leaving;                 /* no new calls */
    bool goes;                    /* for the origin says so */
};

struct h2_hint {
    struct h2_hint *next;
    struct http_fields fields;
};

struct h2_call {
    struct exchange x;            /* first */
    struct h2_client *owner;      /* NULL: the connection is gone */
    struct link link;
    int32_t id;                   /* 0: not begun */
    uint16_t status, interim_status;
    uint8_t fate;                 /* enum h2_fate */
    bool alive;                   /* the library has the stream, or will */
    bool head_sent;               /* its HEADERS are in a frame */
    bool deferred;                /* the library asked for more, and there was none */
    bool body_over;               /* h2_call_end */
    uint32_t error, interims;
    struct h2_question question;
    const struct h2_fields *trailers; /* of the request; NULL: none */
    size_t head_bytes, block_bytes; /* of all heads; of the one that comes */
    struct h2_hint *hints, **last_hint;
    struct buf in, out;           /* bodies: not yet read, not yet in a frame */
};

struct h2_call *h2_call_open(struct h2_client *c);
void h2_call_close(struct exchange *x); /* shared_ops.close */

/* From the library. Nobody is called back: who asked is posted. */
void h2_call_head_begins(struct h2_call *call);
bool h2_call_field(struct h2_call *call, struct str name, struct str value);
void h2_call_head_ends(struct h2_call *call);
void h2_call_data(struct h2_call *call, struct str data);
void h2_call_answered(struct h2_call *call);
void h2_call_closed(struct h2_call *call, enum h2_fate fate, uint32_t error);

/* The body, as the library asks for it. */
ssize_t h2_call_read_body(nghttp2_session *session, int32_t id, uint8_t *unused, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user);
int h2_call_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                      size_t bytes, nghttp2_data_source *source, void *user);

/* There is something to write at the end of this turn. */
static inline void h2_client_flush(struct h2_client *c)
{
    post_turn_end(&c->post);
}

/* A call is over. */
void h2_client_done(struct h2_client *c, struct h2_call *call);

extern const struct conn_io h2_call_io;
