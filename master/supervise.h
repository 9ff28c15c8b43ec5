/*
 * master/supervise.h - the master's loop: signals, channels, timers, machines.
 */
#pragma once

struct master;

/* Runs until every child is gone for good. */
void supervise(struct master *m);
