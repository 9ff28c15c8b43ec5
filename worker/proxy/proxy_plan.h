/*
 * worker/proxy/proxy_plan.h - which header fields are sent, worked out once per scope at load.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/proxy/proxy.h"

/* Applies one proxy_set_header. */
bool proxy_plan_set_header(struct conf_call *call);

/* A scope's directives are in: makes the plan anew where it differs from the outer one. */
void proxy_plan_finish(struct conf_call *call);
