/*
 * t/unit/stepped.h - a function run in a child one machine instruction at a time, so that it can be
 * looked at, or killed, at any of them.
 *
 *     struct stepped child;
 *     stepped_start(&child, change, &arg);
 *     while (stepped_next(&child))
 *         look();
 */
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base.h"

struct stepped {
    pid_t pid; /* 0 once it has ended */
    long steps;
};

typedef void stepped_fn(void *arg);

static inline bool stepped_wait(struct stepped *s, int signal)
{
    int status;

    if (waitpid(s->pid, &status, 0) == s->pid && WIFSTOPPED(status) && WSTOPSIG(status) == signal)
        return true;
    if (WIFSTOPPED(status)) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
    }
    s->pid = 0;
    return false;
}

/* The child stands before fn. False where tracing is not allowed. */
static inline bool stepped_start(struct stepped *s, stepped_fn *fn, void *arg)
{
    *s = (struct stepped){.pid = fork()};
    must(s->pid >= 0);
    if (s->pid == 0) {
        alarm(290);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(1);
        raise(SIGSTOP);
        fn(arg);
        raise(SIGSTOP);
        _exit(0);
    }
    return stepped_wait(s, SIGSTOP);
}

/* One instruction further; false when fn has returned: the child is gone then. */
static inline bool stepped_next(struct stepped *s)
{
    if (s->pid == 0 || ptrace(PTRACE_SINGLESTEP, s->pid, NULL, NULL) < 0)
        return false;
    s->steps++;
    return stepped_wait(s, SIGTRAP);
}

static inline void stepped_kill(struct stepped *s)
{
    if (s->pid == 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

/* Runs fn to its n-th instruction and kills it there; false when it ends before that. */
static inline bool stepped_kill_at(stepped_fn *fn, void *arg, long n)
{
    struct stepped s;
    bool there;

    must(stepped_start(&s, fn, arg));
    do
        there = stepped_next(&s);
    while (there && s.steps < n);
    stepped_kill(&s);
    return there;
}

/* How many instructions fn takes; 0 where tracing is not allowed. */
static inline long stepped_count(stepped_fn *fn, void *arg)
{
    struct stepped s;

    if (!stepped_start(&s, fn, arg))
        return 0;
    while (stepped_next(&s))
        continue;
    return s.steps;
}
