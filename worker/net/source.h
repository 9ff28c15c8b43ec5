/*
 * worker/net/source.h - bodies flow by pull: the side that can write asks its source for more.
 *
 * Sources: a file range, memory, a request's body as it arrives, an upstream's response, a spool, a
 * filter over another source, a subrequest's response. Whoever pulls owns nothing: pieces it was
 * given stay valid until its next pull on that source, or its close. So pull again only when all
 * given pieces have been written (or copied).
 */
#pragma once

#include "common/chain.h"

struct source;
struct post;

enum pull {
    PULL_MORE,  /* at least one piece was added; there may be more */
    PULL_END,   /* the end is reached; pieces may have been added with it */
    PULL_WAIT,  /* nothing now: `waiter` will be posted when pulling makes sense again */
    PULL_ERROR, /* the body cannot be completed; what was written so far is all there is */
};

struct source_ops {
    const char *name;
    /* Adds pieces of at most `max` bytes in all to `out`. */
    enum pull (*pull)(struct source *s, struct chain *out, size_t max);
    /* The reader is done or gives up; sources below are closed too. Called exactly once. */
    void (*close)(struct source *s);
    /* Optional, for what can be read anywhere: from now on it gives only the `len` bytes that are
       `first` bytes behind where it began, then its end. May be called again, for any part. */
    void (*window)(struct source *s, int64_t first, int64_t len);
    /* Optional: it will be read, but not yet. Begins (posted) what takes time. */
    void (*ahead)(struct source *s);
};

struct source {
    const struct source_ops *ops;
    struct post *waiter;  /* set by the reader before a pull */
    int64_t length;       /* bytes from here to the end if known, else -1 */
    bool file_ok;         /* the reader takes file pieces; cleared by filters that need bytes */
};

static inline enum pull source_pull(struct source *s, struct chain *out, size_t max)
{
    return s->ops->pull(s, out, max);
}

static inline void source_ahead(struct source *s)
{
    if (s->ops->ahead != NULL)
        s->ops->ahead(s);
}

void source_close(struct source *s);        /* NULL is fine */

/* For sources: there is news; posts the waiter once. */
void source_wake(struct source *s);

/* Simple sources, allocated in the pool. */
struct pool;
struct source *source_memory(struct pool *pool, struct str text);
/* fd stays the caller's and must outlive the source. */
struct source *source_file(struct pool *pool, int fd, int64_t offset, int64_t len);
struct source *source_empty(void);

/* One after the other, as one body: they are closed with it. All of them are of known length and
   can be read anywhere, and so can it. */
struct source *source_joined(struct pool *pool, struct source *const *parts, uint32_t count);
