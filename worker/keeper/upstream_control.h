/*
 * worker/keeper/upstream_control.h - `weir ctl upstream ...`: servers looked at and changed at run
 * time.
 */
#pragma once

#include "worker/keeper/control.h"
#include "worker/upstream/group.h"

/* In the keeper's process. */
void upstream_control_start(const struct generation *gen);
void upstream_control_stop(void);

/* A request whose first word is "upstream". */
bool upstream_control(struct control_request *r);

/* "list" and "show NAME" (upstream_show.c). */
bool upstream_list(struct control_request *r);
bool upstream_show(struct control_request *r, const struct upstream_group *group);
