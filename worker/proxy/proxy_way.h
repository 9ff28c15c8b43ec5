/*
 * worker/proxy/proxy_way.h - what the configuration says of each server before it is tried.
 */
#pragma once

#include "worker/proxy/proxy_run.h"

/* Sets the dial's options, and what it asks for each server. */
void proxy_way_prepare(struct proxy_run *run);
