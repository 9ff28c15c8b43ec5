/*
 * worker/proxy/proxy_run.h - one request on its way to an origin and back: the machine, and what
 * its parts share.
 *
 * The request goes out (proxy_send) while the answer comes in (a codec, then the relay): either may
 * end first. The codec knows the protocol towards the origin; all else exists once.
 */
#pragma once

#include "common/buf.h"
#include "worker/codec/fcgi.h"
#include "worker/codec/h1_chunk.h"
#include "worker/codec/h1_head.h"
#include "worker/http/request.h"
#include "worker/proxy/proxy.h"
#include "worker/proxy/proxy_relay.h"

enum run_state {
    RUN_BODY,   /* the client's body is being read */
    RUN_LOOK_UP, /* the origin's name is asked for */
    RUN_DIAL,   /* on the way to a peer */
    RUN_TALK,   /* the request goes out, the head of the answer is awaited */
    RUN_ANSWER, /* the head is in: the relay passes the body on */
    RUN_FAIL,   /* status says what is answered */
    RUN_LEAVE,  /* the request goes on elsewhere (X-Accel-Redirect) */
    RUN_STATES
};

enum head_result {
    HEAD_MORE, HEAD_DONE, HEAD_BAD, HEAD_TOO_BIG, HEAD_UNASKED,
    HEAD_REFUSED, /* the origin has not looked at the request: any other may have it */
    HEAD_PASSED,  /* nor could it: the connection was about to end */
    HEAD_RESET,   /* it did not want it */
    HEAD_LOST,    /* the connection is gone */
};
enum decode_result { DECODE_MORE, DECODE_END, DECODE_BAD };

struct proxy_run;
struct fastcgi_stderr;
struct h2_fields;
struct store;

/* A protocol spoken to origins. */
struct proxy_codec {
    const char *name;
    const uint32_t *index;    /* of its module, whose struct begins with a struct origin_conf */
    bool http;                /* and is a struct proxy_conf */
    bool raw;                 /* nothing is said nor heard: a tunnel at once. Only the next two */
    bool own_404;             /* a 404 is but a status: the page is ours */
    bool trailers;            /* those of an answer go to the client, whatever is configured */
    bool streams;             /* heads come apart from bodies: read_head looks for one by itself,
                                 and nothing is in relay.in */
    const char *bad_body;     /* the log's words for DECODE_BAD: "sent invalid ..." */
    /* Where the request goes. NULL: logged, and *status is what to say. */
    const struct proxy_pass *(*target)(struct request *r, const struct proxy_pass *pass,
                                       int *status);
    /* Prints the request's head into run->head; sets run->send_length. False: it cannot be sent,
       logged. */
    bool (*write_head)(struct proxy_run *run);
    /* Moves the next part of the body from data to run->out, as the protocol frames it. `last`: it
       is the end; then data may be empty. NULL: requests have no body. */
    void (*frame)(struct proxy_run *run, struct chain *data, bool last);
    /* An exchange is there, and the body's first bytes are in run->out. NULL: nothing to do. */
    void (*begin)(struct proxy_run *run);
    /* All of the request was sent. NULL: its end is in what was sent. */
    void (*finish)(struct proxy_run *run);
    /* A new try: forgets what came. */
    void (*reset)(struct proxy_run *run);
    /* Looks at what came so far (run->relay.in from pos on); consumes the head when HEAD_DONE. */
    enum head_result (*read_head)(struct proxy_run *run);
    /* Takes body bytes from the front of b and adds the payload's slices to out. */
    enum decode_result (*decode)(struct proxy_run *run, struct buf *b, struct chain *out);
    /* At the end of the stream: is the body complete? */
    bool (*may_end)(const struct proxy_run *run);
    /* More to say of the response, once it is made of run->answer. NULL: nothing. */
    void (*fill)(struct proxy_run *run);
};

extern const struct proxy_codec proxy_h1, proxy_h2;

/* The path and the method that are sent; the latter sets run->head_only. */
struct str proxy_request_uri(struct request *r, const struct proxy_pass *target);
struct str proxy_method(struct proxy_run *run);

/* Its members, for others whose bodies end with their length or the connection. */
enum decode_result proxy_h1_decode(struct proxy_run *run, struct buf *b, struct chain *out);
bool proxy_h1_may_end(const struct proxy_run *run);

/* For those whose answers have such a head: begins to read one; why one was not understood. */
void proxy_h1_expect(struct proxy_run *run, enum h1_kind kind);
enum head_result proxy_h1_bad_head(struct proxy_run *run);

struct proxy_run {
    struct request *r;
    struct proxy_run **slot;      /* who points here, until it is released */
    const struct origin_conf *conf;
    const struct proxy_conf *http; /* the same, of proxy_pass; else NULL */
    const struct proxy_codec *codec;
    const struct proxy_pass *target;
    enum run_state state;
    bool running, begun, ended;
    bool late;                    /* the time for all of it is over */
    struct timer total;
    int64_t client_ms;            /* the client waits no longer for it; 0: it does not say */
    int64_t whole_ms;             /* when a body that was sent as it arrived was out; 0: not yet */
    struct post post;

    /* The way there. */
    struct resolve *lookup;       /* NULL: nothing to be asked for */
    struct dial dial;
    struct exchange *x;           /* dial.exchange while it is ours */
    bool again;                   /* a dead idle connection was replaced once */
    uint8_t passed;               /* connections that ended before the origin had the request */

    /* The request. */
    struct buf head;              /* as sent; kept for the next try */
    struct h2_fields *fields;     /* the same, where a head is no bytes */
    struct str uri;               /* as sent */
    int64_t send_length;          /* of the body; -1: unknown, in chunks */
    uint8_t method;               /* that is sent, enum method */
    bool head_only;               /* it is HEAD */
    struct str upgrade;           /* the protocols that it may switch to; empty: none */
    bool upgrade_by_config;       /* for proxy_set_header says so */
    bool close_asked;
    bool streaming;               /* the body cannot be sent twice */
    struct source *body;          /* NULL: none, or all pulled */
    bool pulled_all;              /* `body` has given its last bytes */
    bool early_whole;             /* what is in `early` is all of it */
    struct buf kept;              /* of a streamed body: what was sent of it, for the next try */
    bool kept_begun, kept_short;  /* ... or there was more than is kept */
    bool sent_any, sent_all, send_broken;

    /* The answer. */
    uint16_t status;              /* RUN_FAIL: what to say */
    const char *why;
    struct relay relay;
    int64_t left;                 /* of the body, by length */
    uint8_t body_kind;            /* enum h1_body */
    bool reuse;                   /* the protocol allows another request on the exchange */
    struct str redirect;          /* X-Accel-Redirect */
    uint32_t interims;            /* heads of 1xx skipped */
    struct http_fields *trailers; /* of a chunked answer */
    struct store *store;          /* the file that it will be; NULL: none */
    struct fastcgi_stderr *fcgi_err;
    struct {
        struct str key;
        size_t tail;              /* bytes seen of what stands behind the value */
        bool gzipped;
    } memcached;

    /* From here on nothing is zeroed: all of it is made ready before it is used. */
    struct chain out;             /* of the request: made and not yet sent */
    struct chain early;           /* of a streamed body: what was here before the head was made */
    char chunk_head[H1_CHUNK_HEAD_MAX + 2];
    struct h1_chunk chunks;
    struct {
        struct fcgi_reader reader;
        size_t plain_bytes;       /* content of records, from relay.in.pos on */
        struct str plain;         /* of the body: what came with the head's last bytes */
        bool extra;               /* more came than Content-Length says */
        char headers[4 * FCGI_HEADER_BYTES]; /* of records of the request's body */
    } fcgi;
    struct h1_head answer;        /* large */
};

/* For content handlers: passes the request to the location's target. */
enum verdict proxy_run_request(struct request *r, const struct proxy_codec *codec);

/* proxy_send.c: writes what can be written now. RC_OK: all is out. */
/* A streamed body's first bytes, before the head is made: its length may be known by then.
   RC_ERROR: the client's body is broken. */
enum rc proxy_send_peek(struct proxy_run *run);
/* Bytes of the body that is to be sent; -1: not known. Whether there is any is asked once
   run->send_length is set. */
int64_t proxy_send_length(const struct proxy_run *run);
bool proxy_send_has_body(const struct proxy_run *run);
void proxy_send_begin(struct proxy_run *run);
enum rc proxy_send(struct proxy_run *run);
/* This try is over; what can be sent again is kept. */
void proxy_send_rewind(struct proxy_run *run);
void proxy_send_end(struct proxy_run *run);

/* proxy_response.c: from the origin's head to r->out. */
void proxy_response_fill(struct proxy_run *run);
/* The cookie of a group's `sticky`, if one is to be set. */
void proxy_response_bind(struct proxy_run *run);
/* A head of 103: its fields go to the client, where that is wanted. */
void proxy_response_hints(struct proxy_run *run, const struct http_fields *fields);
/* The value of a field of the answer; STR_NONE when ignored or absent. */
struct str proxy_response_control(const struct proxy_run *run, enum field_id id, int64_t ignored);

/* A tunnel has taken its dial: all else is given back now, not with the request. */
void proxy_run_release(struct proxy_run *run);

/* What a log line says of an origin: ", upstream: "http://1.2.3.4:80/uri"". */
size_t proxy_log_describe(const struct proxy_pass *target, const struct dial *d, struct str uri,
                          char *out, size_t room);

/* What a log line says of the phase that the exchange is in. */
void proxy_log_doing(struct proxy_run *run, const char *doing);
