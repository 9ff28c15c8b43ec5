/*
 * common/clock.h - time, read once per loop turn and cached with its printed forms.
 */
#pragma once

#include <time.h>

#include "common/str.h"

/* Reads the clocks anew. A text is reprinted when asked for in a new second, not before. */
void clock_update(void);

/* Freezes time for tests: monotonic milliseconds and wall-clock milliseconds. clock_update then
   leaves both alone; the next call moves them. */
void clock_fake(int64_t mono_ms, int64_t wall_ms);

extern int64_t clock_mono_ms;  /* CLOCK_MONOTONIC at the last update */
extern int64_t clock_wall_ms;  /* CLOCK_REALTIME at the last update, milliseconds since 1970 */

static inline time_t clock_wall_s(void)
{
    return (time_t)(clock_wall_ms / 1000);
}

/* Valid until the next update. */
struct str clock_http(void);    /* "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 5.6.7 */
struct str clock_log(void);     /* "06/Nov/1994:08:49:37 +0000", local time */
struct str clock_error(void);   /* "1994/11/06 08:49:37", local time */
struct str clock_iso(void);     /* "1994-11-06T08:49:37+00:00", local time */
struct str clock_syslog(void);  /* "Nov  6 08:49:37", local time */
