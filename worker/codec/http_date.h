/*
 * worker/codec/http_date.h - dates as HTTP writes them (RFC 9110, 5.6.7).
 */
#pragma once

#include "common/str.h"

#define HTTP_DATE_BYTES 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Seconds since 1970 in that form; years 1970 to 9999, others are clipped. Returns the end. For
   one thread of a process. */
char *http_date_print(char *out, int64_t seconds);

/* The form cookies use: "Sun, 06-Nov-94 08:49:37 GMT", four-digit years after 2037. At most
   HTTP_DATE_BYTES + 1 bytes. */
char *http_date_print_cookie(char *out, int64_t seconds);

/*
 * IMF-fixdate, RFC 850 and asctime forms. A two-digit year below 70 is in this century. Every field
 * is checked for its range; the name of the day is not compared with the date. A parameter behind
 * it ("; length=7", of old browsers) does not count. False if it is none of these.
 */
bool http_date_parse(struct str text, int64_t *seconds);
