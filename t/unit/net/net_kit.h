/*
 * t/unit/net/net_kit.h - a loop and connected sockets for tests of connections.
 */
#pragma once

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "t/unit/tap.h"
#include "worker/net/conn.h"

static struct loop kit_loop;

static inline void kit_start(void)
{
    clock_update();
    process_log.level = 0;
    loop = &kit_loop;
    if (loop_init(&kit_loop, 64) != RC_OK)
        abort();
}

static inline void kit_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        abort();
}

static inline void kit_write(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
}
