/*
 * master/waiters.h - telling whoever ran `-s reload` how it went.
 *
 * The caller sends SIGHUP by sigqueue with a random token and listens on an abstract datagram
 * socket named by its pid and the token; the master answers there. A plain kill -HUP has no token
 * and gets no answer.
 */
#pragma once

#include "common/base.h"

#define WAITERS_MAX 16

struct waiter {
    pid_t pid;
    int token;
    int fd;          /* a connection to the control socket instead; -1: none */
};

struct waiters {
    struct waiter list[WAITERS_MAX];
    uint32_t count;
    uint32_t asked;  /* the first so many wait for the reload under way, the rest for the next */
};

/* Remembers one and tells it that its signal was seen. */
void waiters_add(struct waiters *w, pid_t pid, int token);

/* The same for a connection to the control socket, which is its own from now on. */
void waiters_add_connection(struct waiters *w, int fd);

/* In a child. */
void waiters_forget(struct waiters *w);

/* A reload begins for all who have asked. From now on [warn] lines and worse are kept for the
   answer. */
void waiters_begin(struct waiters *w);

/* Answers those for whom it began, and forgets them. */
void waiters_answer(struct waiters *w, bool ok);

enum reload_outcome {
    RELOAD_DONE,
    RELOAD_FAILED,    /* the reason was printed */
    RELOAD_UNKNOWN,   /* no answer: the signal was sent */
};

/* The caller's side: sends SIGHUP to the master and waits. Prints what the master says to stderr.
   RELOAD_UNKNOWN with *err set when the signal could not be sent. */
enum reload_outcome waiters_reload(pid_t master, int *err);
