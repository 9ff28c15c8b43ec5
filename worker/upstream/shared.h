/*
 * worker/upstream/shared.h - connections to origins that carry several exchanges at once.
 *
 * The protocol's room says how (struct shared_ops): it takes over a whole connection and opens
 * parts of it, each an exchange of its own: its conn has no descriptor, but flags, a timer, a log
 * and ways to read and write. Here is what such connections have in common with other idle ones:
 * who may use which, how many may be idle, how long; and that requests wait for a connection which
 * is under way sooner than each opens its own.
 */
#pragma once

#include "worker/upstream/dial.h"

struct shared_ops {
    const char *name;
    /* A connected exchange begins to be shared: from now on its `user` is the protocol's. RC_ERROR:
       logged, nothing changed. */
    enum rc (*start)(struct exchange *whole);
    bool (*has_room)(const struct exchange *whole);
    /* A new part of one that has room. */
    struct exchange *(*open)(struct exchange *whole);
    /* The owner of a part is done with it, or gives it up. */
    void (*close)(struct exchange *part);
    /* No more parts are opened: it ends with its last one, or now. */
    void (*retire)(struct exchange *whole);
    /* Its place is needed: true when it was idle and ends now. */
    bool (*squeeze)(struct exchange *whole);
};

/* A part of a connection to d->peer that may be used by this dial, or NULL. */
struct exchange *shared_join(struct dial *d);

/* A connection like the one that is needed is under way: true, and d->post is posted when it is
   there, or d->led says why it is not. Else this dial leads others from now on. */
bool shared_follow(struct dial *d);

/* The leader is there: d->exchange becomes a part, others may join. False: logged. */
bool shared_begin(struct dial *d);

/* It is not, or nobody needs it: those who wait know of it. Harmless for any other dial. */
void shared_leave(struct dial *d, enum dial_fault fault);

/* For the protocol: the last part is over. False: the connection is not to be kept. */
bool shared_rest(struct exchange *whole);
/* ... and there is a part again. */
void shared_wake(struct exchange *whole);

/* For the group: it has another version, or none any more. */
void shared_move(struct group_live *live);
void shared_close_all(struct group_live *live);
