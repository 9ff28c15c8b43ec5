/*
 * master/child.h - the life of one child process, and of its respawns.
 */
#pragma once

#include "common/channel.h"
#include "common/role.h"
#include "master/machine.h"

struct crew;

enum child_want { WANT_RUN, WANT_DRAIN, WANT_QUIT };

/* A message that the child was too slow to read. */
struct queued_msg {
    struct channel_msg msg;
    struct queued_msg *next;
};

struct child_proc {
    struct machine life;
    struct crew *crew;
    const struct role *role;
    uint32_t slot;
    uint32_t row;              /* in the slots table */
    enum child_want want;

    pid_t pid;                 /* 0: no process */
    int channel;               /* -1: none, or gone */
    struct queued_msg *queue;
    bool ready, failed, closed; /* what it said */
    int failed_errno;
    bool exited;               /* noted by the loop, with its status */
    int status;

    bool stillborn;            /* died before it was ready, in a crew on trial; or cannot be
                                  respawned */
    bool respawned;
    int64_t born_ms;
    int quick_deaths;          /* in a row, within a second of birth */
};

/* A child to be: machine_run spawns it. */
void child_init(struct child_proc *c, struct crew *crew, const struct role *role, uint32_t slot);

/* No process now, and none to come. */
bool child_is_gone(const struct child_proc *c);

bool child_is_serving(const struct child_proc *c);

/* Notes what its channel has to say. */
void child_listen(struct child_proc *c);

/* Sends, or queues; a message's fd is duplicated when queued. Lost when the child is gone. */
void child_tell(struct child_proc *c, enum channel_type type, int64_t number, int fd);

/* Sends what is queued. */
void child_flush(struct child_proc *c);

/* Notes that its process ended. */
void child_note_exit(struct child_proc *c, int status);

/* Frees what it holds; it must be gone, or this process one of its siblings. */
void child_fini(struct child_proc *c);
