/*
 * common/channel.h - typed messages between the master and one child, over a socketpair.
 *
 * Fixed-size records (SOCK_SEQPACKET keeps their bounds), at most one descriptor with each.
 */
#pragma once

#include "common/base.h"

enum channel_type {
    CHANNEL_NONE,
    /* master to child */
    CHANNEL_QUIT,        /* at once */
    CHANNEL_DRAIN,       /* finish what runs, accept nothing new. number: 1 if a successor serves */
    CHANNEL_REOPEN_LOG,  /* fd: the newly opened file; number: its index in the generation's list */
    CHANNEL_LAST_CALL,   /* number: the index of a listen spec that no successor has. Before it is
                            closed, what is queued there is taken. Sent ahead of CHANNEL_DRAIN */
    CHANNEL_FILES,       /* number: the index of a set of watched files; fd: what is in them now */
    CHANNEL_TAKE_FD,     /* fd, number: what it is (a mailbox's sending end: the peer's slot) */
    CHANNEL_CONTROL,     /* fd: a connection to the control socket, from who may control us */
    /* child to master */
    CHANNEL_READY,       /* serving */
    CHANNEL_CLOSED,      /* told to drain, it accepts nothing any more */
    CHANNEL_DRAINED,     /* nothing left, about to exit */
    CHANNEL_FAILED,      /* cannot serve; number: an errno */
    CHANNEL_ROTATE_LOG,  /* number: the index of a log that is as large as it may be */
};

struct channel_msg {
    uint32_t type;       /* enum channel_type */
    uint32_t slot;
    uint64_t generation;
    int64_t number;
    int fd;              /* -1: none. The receiver owns it */
};

/* A connected, non-blocking, close-on-exec pair. */
enum rc channel_pair(int fds[2]);

/* RC_AGAIN when the other side does not read; RC_ERROR when it is gone. The fd stays the
   caller's. */
enum rc channel_send(int fd, const struct channel_msg *msg);

/* RC_AGAIN: nothing there; RC_ERROR: the other side is gone. */
enum rc channel_receive(int fd, struct channel_msg *msg);
