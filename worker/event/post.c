/*
 * worker/event/post.c - the ring of posted work; its head is a post that never runs.
 */
#include "worker/event/post.h"

#include "worker/event/loop.h"

void post_queue_init(struct post_queue *q)
{
    q->head.next = q->head.prev = &q->head;
}

void post_add(struct post_queue *q, struct post *p)
{
    if (p->next != NULL)
        return;
    p->next = &q->head;
    p->prev = q->head.prev;
    p->prev->next = p;
    q->head.prev = p;
}

void post_cancel(struct post *p)
{
    if (p->next == NULL)
        return;
    p->prev->next = p->next;
    p->next->prev = p->prev;
    p->next = p->prev = NULL;
}

void post_run_all(struct post_queue *q)
{
    while (q->head.next != &q->head) {
        struct post *p = q->head.next;

        post_cancel(p);
        p->run(p);
    }
}

void post_run_present(struct post_queue *q)
{
    struct post_queue present;

    if (post_queue_empty(q))
        return;
    present.head = q->head;
    present.head.next->prev = present.head.prev->next = &present.head;
    post_queue_init(q);
    post_run_all(&present);
}

void post_now(struct post *p)
{
    post_add(&loop->posts, p);
}

void post_turn_end(struct post *p)
{
    post_add(&loop->turn_end, p);
}
