/*
 * worker/heir.h - a child's row of counters and bookings, and what dead ones left in theirs.
 */
#pragma once

#include "common/base.h"

struct child;

/* Takes the child's row, if it has one, and gives back what its last owner had booked, and what is
   booked in rows that have no heir. Before anything is counted or booked. */
void heir_enter(const struct child *child);

/* At an orderly end: the counters go to the totals. Nothing if there was no heir_enter. */
void heir_leave(const struct child *child);
