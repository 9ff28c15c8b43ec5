/*
 * worker/h2/h2_client.h - HTTP/2 towards origins: connections that carry many requests at once.
 *
 *     options.shared = &h2_shared; dial_start(d);          d->exchange is a stream-to-be
 *     h2_call_begin(x, &what)                              the head goes out
 *     conn_send(&x->conn, ...); h2_call_end(x)             and the body, if there is one
 *     x->user is posted: h2_call_status(x), conn_recv(&x->conn, ...), h2_call_fate(x)
 *     exchange_close(x)                                    whatever is not over is reset
 *
 * A stream that nobody reads holds no more than its window (RFC 9113, 5.2), and holds up no other.
 */
#pragma once

#include "worker/codec/field.h"
#include "worker/h2/h2_fields.h"
#include "worker/upstream/shared.h"

extern const struct shared_ops h2_shared;

/* "h2", as ALPN lists it (RFC 7301, 3.1). */
#define H2_ALPN STR("\x02h2")

/* Where an answer has got to. */
enum h2_fate {
    H2_FATE_OPEN,
    H2_FATE_ENDED,   /* all of it came */
    H2_FATE_TOO_BIG, /* its head or its trailers were larger than allowed */
    H2_FATE_REFUSED, /* the origin has not looked at the request (RFC 9113, 8.7) */
    H2_FATE_PASSED,  /* nor will it, for the connection was about to end (6.8) */
    H2_FATE_RESET,   /* the origin, or the rules of the protocol, ended it: h2_call_error */
    H2_FATE_LOST,    /* the connection is gone */
};

/* What is asked. What is pointed to lives until the exchange is closed. */
struct h2_question {
    const struct h2_fields *fields;
    bool has_body;
    struct pool *pool;            /* for texts of the answer's fields */
    struct http_fields *head, *trailers; /* filled in as they come; initialized */
    size_t head_max_bytes;        /* of names and values, for each of them */
};

/* False: the connection takes no more streams, or is gone; the fate is H2_FATE_PASSED. */
bool h2_call_begin(struct exchange *x, const struct h2_question *question);

/* Everything was sent; but for trailer fields, where there are some (else NULL): they end it. They
   live as long as what was asked. */
void h2_call_end(struct exchange *x, const struct h2_fields *trailers);

/* Of the final head; 0: it is not here yet. */
int h2_call_status(const struct exchange *x);

/* The next head of an interim answer (103 only) that nobody has looked at; NULL: none. */
const struct http_fields *h2_call_hint(struct exchange *x);
/* How many interim answers came. */
uint32_t h2_call_interims(const struct exchange *x);

enum h2_fate h2_call_fate(const struct exchange *x);
/* Why it was reset (RFC 9113, 7), as a number and as a name. */
uint32_t h2_call_error(const struct exchange *x);
const char *h2_call_error_name(const struct exchange *x);

/* The answer is complete, and all of it was read. */
bool h2_call_is_over(const struct exchange *x);

/* Bytes of its head and trailers so far. */
size_t h2_call_head_bytes(const struct exchange *x);
