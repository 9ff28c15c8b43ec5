/*
 * master/single.h - `master_process off`: everything in one process, for debugging.
 */
#pragma once

struct generation;
struct master;

/* Runs the first worker here. Returns its exit code. */
int single_run(struct master *m, struct generation *gen);
