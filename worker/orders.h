/*
 * worker/orders.h - what a child hears from its master, or by signal: to end, and to reopen logs.
 */
#pragma once

#include "common/channel.h"
#include "worker/drain.h"

struct child;

/* Told each time that an end is ordered. */
typedef void order_fn(enum drain_order order, bool successor);

/* First of all. The child must live as long as the process. */
void orders_init(const struct child *child, order_fn *fn);

/* Told of each connection to the control socket, which is its own from then on. */
typedef void control_fn(int fd);
void orders_on_control(control_fn *fn);

/* Listens from now on, in the process's loop. */
enum rc orders_listen(void);

/* A message to the master; nothing where there is none. */
void orders_tell(enum channel_type type, int64_t number);
