/*
 * master/control.h - the control socket: who may connect, and to whom he is passed on.
 *
 * A unix socket beside the pid file, for root and the server's own user. The master accepts and
 * looks at one byte of each connection: it reads the verbs that are its own, and hands all other
 * connections, unread, to the keeper. That is started when the first one comes where the
 * configuration wants none, and stays. Nothing here waits: a client that says nothing is forgotten
 * after a while.
 */
#pragma once

#include <sys/types.h>

#include "common/control.h"

struct master;

enum control_verb {
    CONTROL_NONE,
    CONTROL_RELOAD,
    CONTROL_REOPEN,
    CONTROL_QUIT,
    CONTROL_STOP,
    CONTROL_UPGRADE,
};

/* A connection that was accepted. */
struct control_client {
    int fd;
    int64_t deadline_ms;
    bool for_keeper;           /* it waits for one to be there */
    size_t len;
    char line[CONTROL_VERB_MAX];
};

#define CONTROL_CLIENTS 16

struct control {
    int fd;                    /* -1: none */
    char *path;
    dev_t dev;                 /* of the file that we made */
    ino_t ino;
    bool used;                 /* a keeper is wanted, whatever the configuration says */
    int64_t rest_until_ms;     /* no descriptor was left to accept with */
    struct control_client clients[CONTROL_CLIENTS];
    uint32_t count;
};

void control_init(struct control *c);

/* In a binary upgrade, before exec: what the new master has to know. */
void control_hand_over(const struct control *c);

/* The socket is that of the configuration that serves, and at its path. What goes wrong is logged:
   one can serve without. */
void control_open(struct master *m);

/* For good; takes the file away if it is ours. */
void control_close(struct master *m);

/* In a child: closes what is the master's. */
void control_forget(struct control *c);

/* Tells `watch` each descriptor that has to be waited for. */
void control_watch(const struct control *c, void (*watch)(void *arg, int fd), void *arg);

/* When it has something to do even if nothing comes. */
int64_t control_deadline(const struct control *c, int64_t otherwise_ms);

/* Accepts, reads and passes on. Then the next verb that is the master's own, with the connection
   that awaits the answer and is the caller's now; CONTROL_NONE: there is none. */
enum control_verb control_next(struct master *m, int *fd);

/* Says CONTROL_OK or CONTROL_NO and the text, and closes the connection. Does not wait: what its
   buffer does not take is lost. */
void control_answer(int fd, bool ok, struct str text);
