/*
 * worker/keeper/control.h - connections to the control socket: one request each, and its answer.
 *
 * The master has checked who they are. A client that is slow or silent is forgotten after a while;
 * nobody waits for it.
 */
#pragma once

#include <stdio.h>

#include "common/control.h"
#include "common/generation.h"

/* What was asked. It is answered by printing to `out`: the answer, or why there is none. */
struct control_request {
    const struct generation *gen;
    struct pool *pool;
    const struct str *words;   /* of the command */
    size_t count;
    bool json;
    FILE *out;
};

void control_start(const struct generation *gen);
void control_stop(void);

/* Takes a connection. */
void control_take(int fd);

/* The answer to a request; false when it is refused. */
bool control_obey(struct control_request *r);
