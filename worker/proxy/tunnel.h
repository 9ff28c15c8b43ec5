/*
 * worker/proxy/tunnel.h - bytes both ways between a client's connection and an origin's.
 */
#pragma once

#include "worker/proxy/proxy_run.h"

/* The run's answer is 101, or it has connected a client: answers so, and when that is out the
   client's connection and the run's are the tunnel's until it ends. */
enum verdict tunnel_answer(struct proxy_run *run);
