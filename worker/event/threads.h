/*
 * worker/event/threads.h - a small pool of threads for work that would block the loop (files,
 * password hashing). Started on first use.
 */
#pragma once

#include "common/base.h"

struct task {
    struct task *next;
    void (*work)(struct task *task);   /* in a thread: touches only what the task owns */
    void (*done)(struct task *task);   /* in the loop, in a later turn */
};

struct thread_pool;

/* `threads` workers, at most `max_queue` tasks waiting. */
struct thread_pool *threads_create(const char *name, uint32_t threads, uint32_t max_queue);

/* RC_ERROR when the queue is full (logged). */
enum rc threads_submit(struct thread_pool *pool, struct task *task);

/* Waits for what runs; tasks not started are dropped without `done`. */
void threads_destroy(struct thread_pool *pool);
