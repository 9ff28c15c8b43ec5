/*
 * common/sock.h - descriptor flags and socket options, with the log line when one is refused.
 */
#pragma once

#include "common/base.h"

struct log;

bool sock_set_nonblocking(int fd);
bool sock_set_cloexec(int fd, bool on);

enum sock_option {
    SOCK_NODELAY, SOCK_CORK, SOCK_KEEPALIVE, SOCK_KEEP_IDLE_S, SOCK_KEEP_INTERVAL_S,
    SOCK_KEEP_COUNT, SOCK_REUSEADDR, SOCK_REUSEPORT, SOCK_V6ONLY, SOCK_RCVBUF, SOCK_SNDBUF,
    SOCK_DEFER_ACCEPT_S, SOCK_FASTOPEN, SOCK_FASTOPEN_CONNECT, SOCK_FREEBIND, SOCK_TRANSPARENT,
    SOCK_TRANSPARENT_V6, SOCK_BIND_NO_PORT, SOCK_NOTSENT_LOWAT, SOCK_PKTINFO, SOCK_PKTINFO_V6,
    SOCK_OPTIONS
};

/* One call of setsockopt with an int. On failure logs at LOG_ALERT (what the option is, and why)
   unless log is NULL, and returns false. A peer that is already gone is no failure. */
bool sock_set(int fd, enum sock_option option, int value, struct log *log);

/* The value, or -1. */
int sock_get(int fd, enum sock_option option);

/* close() will reset the connection instead of ending it in order. */
bool sock_set_reset(int fd, struct log *log);

/* The error of a finished connect: an errno, 0 for success. */
int sock_error(int fd);
