/*
 * worker/filter/transform.h - a source that makes other bytes of those below it: what compression,
 * decompression and recoding share.
 *
 * It pulls from the body as the client takes what is made, so that one buffer of input and one of
 * output are all it holds. When the body has nothing for a moment, what is finished goes out; of a
 * kind that holds back what it took, a flush is asked for after a pause, so that the beginning of a
 * slow answer is seen.
 */
#pragma once

#include "common/buf.h"
#include "worker/event/timer.h"
#include "worker/net/source.h"

struct request;
struct transform;

enum transform_wish {
    TRANSFORM_GO,       /* take what is there */
    TRANSFORM_FLUSH,    /* give out all that was taken; `in` is empty */
    TRANSFORM_FINISH,   /* the body has ended; `in` is empty */
};

enum transform_step {
    TRANSFORM_DONE,     /* all of `in` was taken and the wish is fulfilled */
    TRANSFORM_FULL,     /* more room is needed first */
    TRANSFORM_END,      /* nothing follows, whatever the body has yet */
    TRANSFORM_FAILED,   /* was logged */
};

struct transform_ops {
    /* Takes bytes off the front of `in`, adds to `out`. Of that TRANSFORM_ROOM bytes are free once
       what was made has been given away. */
    enum transform_step (*run)(struct transform *t, struct str *in, struct buf *out,
                               enum transform_wish wish);
    /* Optional. What it works with is given back: once, at the end or when the reader gives up. */
    void (*fini)(struct transform *t);
    bool holds_back;    /* what was taken may stay inside until a flush */
    bool byte_for_byte; /* output has the place of its input: the body's window may be used */
};

#define TRANSFORM_ROOM (16 * 1024)

enum transform_state { TRANSFORM_FEEDS, TRANSFORM_FLUSHES, TRANSFORM_FINISHES, TRANSFORM_ENDED };

struct transform {
    struct source source;
    const struct transform_ops *ops;
    struct source *body;
    struct chain in;            /* pulled, not yet taken */
    struct buf out;
    struct timer pause;
    enum transform_state state;
    bool unflushed;             /* something was taken since the last flush */
    bool flush_due;
    bool body_ended;
    bool fini_done;
};

/* Puts it (zeroed, in the request's pool) over the response's body. */
void transform_init(struct transform *t, struct request *r, const struct transform_ops *ops);
