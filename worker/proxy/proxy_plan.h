/*
 * worker/proxy/proxy_plan.h - what is sent and what is hidden, worked out once per scope at load.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/proxy/proxy.h"

/* Apply one proxy_set_header; proxy_hide_header and proxy_pass_header. */
bool proxy_plan_set_header(struct conf_call *call);
bool proxy_plan_hide(struct conf_call *call);
bool proxy_plan_pass(struct conf_call *call);

/* A scope's directives are in: makes plan and hidden anew where they differ from the outer ones. */
bool proxy_plan_finish(struct conf_call *call);
