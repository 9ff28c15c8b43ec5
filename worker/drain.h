/*
 * worker/drain.h - how a worker ends: at once, or when the last of its connections is done.
 */
#pragma once

#include "worker/event/timer.h"

struct worker;

enum drain_state {
    DRAIN_SERVE,  /* accepting */
    DRAIN_FINISH, /* no new connections; those that are open finish; bounded by
                     worker_shutdown_timeout if that is set */
    DRAIN_CUT,    /* time is up: connections are shut down and may write their log lines */
    DRAIN_DONE,   /* the process exits */
    DRAIN_STATES
};

enum drain_order { ORDER_NONE, ORDER_DRAIN, ORDER_QUIT };

struct drain {
    enum drain_state state;
    enum drain_order order; /* the strongest heard so far */
    bool successor;         /* others serve the same addresses: idle clients need not be hurried */
    bool late;              /* the state's time is up */
    struct timer timer;
};

void drain_init(struct drain *d);

/* Note what was ordered; drain_run acts on it. A later, weaker order changes nothing. */
void drain_order(struct drain *d, enum drain_order order, bool successor);

/* Called after every turn of the loop. */
void drain_run(struct worker *w);
