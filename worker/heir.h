/*
 * worker/heir.h - a worker's row of counters and bookings, and what dead workers left in theirs.
 */
#pragma once

#include "common/base.h"

struct worker;

/* Takes the row and gives back what its last owner had booked, and what is booked in rows that have
   no heir. Before anything is counted or booked. */
void heir_enter(struct worker *w, uint32_t row);

/* At an orderly end: the counters go to the totals. Nothing if there was no heir_enter. */
void heir_leave(struct worker *w);
