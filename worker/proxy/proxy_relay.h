/*
 * worker/proxy/proxy_relay.h - the body of an origin's answer on its way to the client.
 *
 * A source over the buffers that the origin's bytes were read into: nothing is copied. While the
 * client keeps up, reading happens when it asks for more. When it does not and buffering is on, the
 * relay reads ahead: in memory, and when that has been full for a moment, into a temporary file, so
 * that the origin is released.
 */
#pragma once

#include "common/buf.h"
#include "worker/net/source.h"

struct proxy_run;
struct relay_block;

enum relay_state {
    RELAY_FLOW,   /* more is to come from the origin */
    RELAY_WHOLE,  /* all of the body is here or was passed on */
    RELAY_BROKEN, /* the rest is lost */
};

struct relay {
    struct source source;       /* first; what the client's side pulls from */
    enum relay_state state;
    bool open;                  /* somebody pulls from it */
    bool buffering;
    bool waiting;               /* the reader waits for news: no reading ahead */
    bool stalled;               /* memory is full; the timer decides about a file */
    bool held;                  /* proxy_limit_rate: the timer says when reading goes on */
    bool spilling;
    struct buf in;              /* the head, and the first of the body */
    char *in_base;              /* where its body part begins */
    struct relay_block *blocks; /* more memory, the newest first: it is the one read into */
    size_t memory, memory_max;
    struct chain ready;         /* payload that nobody has pulled yet */
    struct spool *spool;        /* behind `ready`, when spilling */
    struct source *tail;        /* its reader */
    int64_t tail_given;
    int64_t received;           /* payload bytes */
};

/* For an answer whose head is awaited. */
void relay_init(struct proxy_run *run);

/* One read into the head's buffer: bytes, CONN_EOF, CONN_AGAIN, CONN_ERROR. */
ssize_t relay_read_head(struct proxy_run *run);

/* The head is consumed: what lies behind it is the body's beginning. */
void relay_begin(struct proxy_run *run);

/* The exchange has news, or memory became free. */
void relay_news(struct proxy_run *run);

/* The time for it is over: the rest is lost, if anything was still to come. */
void relay_cut(struct proxy_run *run);

/* Gives all memory back. */
void relay_fini(struct proxy_run *run);

extern const struct source_ops relay_ops;
