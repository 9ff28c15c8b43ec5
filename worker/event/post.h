/*
 * worker/event/post.h - work to do before the loop sleeps again.
 *
 * Intrusive: the post lives in the object whose machine it runs. Posting what is already posted
 * changes nothing. Work posted while posts run is run in the same turn, after those before it.
 */
#pragma once

#include "common/base.h"

struct post {
    struct post *next, *prev; /* next NULL: not queued */
    void (*run)(struct post *post);
};

struct post_queue {
    struct post head;
};

void post_queue_init(struct post_queue *q);
void post_add(struct post_queue *q, struct post *p);
void post_cancel(struct post *p);
/* Runs until empty. */
void post_run_all(struct post_queue *q);
/* Runs what is queued now; what is added meanwhile stays queued. */
void post_run_present(struct post_queue *q);

static inline bool post_queue_empty(const struct post_queue *q)
{
    return q->head.next == &q->head;
}

static inline bool post_queued(const struct post *p)
{
    return p->next != NULL;
}

/* On the process's loop: `post_now` runs in this turn; `post_turn_end` after all posted work, once
   (flushing logs, collecting the dead). */
void post_now(struct post *p);
void post_turn_end(struct post *p);
