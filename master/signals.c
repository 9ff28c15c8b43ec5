/*
 * master/signals.c - which signals mean something, and where they go.
 */
#include "master/signals.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct {
    int signo;
    const char *command;
} known[] = {
    {SIGHUP, "reload"}, {SIGUSR1, "reopen"}, {SIGTERM, "stop"}, {SIGQUIT, "quit"},
    {SIGWINCH, NULL},   {SIGUSR2, NULL},     {SIGINT, NULL},    {SIGCHLD, NULL},
};

static volatile int *noted; /* by this process's handler */

static void known_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(known); i++)
        sigaddset(set, known[i].signo);
}

int signals_open(void)
{
    sigset_t set;

    known_set(&set);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    signal(SIGCHLD, SIG_DFL); /* whoever ignored it for us would keep exit codes from us */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

bool signals_next(int fd, struct signalfd_siginfo *info)
{
    return read(fd, info, sizeof(*info)) == (ssize_t)sizeof(*info);
}

static void unblock(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_signal(int signo)
{
    __atomic_fetch_or(noted, (int)BIT(signo), __ATOMIC_SEQ_CST);
}

void signals_note(volatile int *seen)
{
    struct sigaction action = {.sa_handler = on_signal};

    noted = seen;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGQUIT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGHUP, SIG_IGN);   /* the rest comes through the channel: a terminal that closes or */
    signal(SIGWINCH, SIG_IGN); /* changes its size tells every process in it */
    signal(SIGUSR2, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    unblock();
}

int signals_find(const char *command)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].command != NULL && strcmp(known[i].command, command) == 0)
            return known[i].signo;
    return 0;
}
