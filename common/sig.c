/*
 * common/sig.c - installing signal handlers, and what signals are called.
 */
#include "common/sig.h"

#include <stdio.h>
#include <string.h>

static sigset_t set_of(const struct sig_row *rows, size_t count)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        sigaddset(&set, rows[i].number);
    return set;
}

void sig_install(const struct sig_row *rows, size_t count)
{
    struct sigaction action = {.sa_mask = set_of(rows, count)};

    for (size_t i = 0; i < count; i++) {
        action.sa_handler = rows[i].handler;
        must(sigaction(rows[i].number, &action, NULL) == 0);
    }
}

void sig_reset_all(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL); /* fails for SIGKILL, SIGSTOP and libc's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void sig_block(const struct sig_row *rows, size_t count, bool block)
{
    sigset_t set = set_of(rows, count);

    must(sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL) == 0);
}

const char *sig_name(int number)
{
    static char text[32];
    const char *name = sigabbrev_np(number);

    if (name != NULL)
        snprintf(text, sizeof(text), "SIG%s", name);
    else
        snprintf(text, sizeof(text), "signal %d", number);
    return text;
}
