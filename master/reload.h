/*
 * master/reload.h - from one generation to the next, or back to where we were.
 */
#pragma once

#include "common/base.h"

struct generation;
struct master;

/* Idle until m->reload.asked. */
void reload_init(struct master *m);

/* The start: takes a generation that is loaded, open and listening, and starts its children. */
void reload_begin_first(struct master *m, struct generation *gen);
