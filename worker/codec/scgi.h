/*
 * worker/codec/scgi.h - the head of an SCGI request: names and values in a netstring.
 */
#pragma once

#include "common/str.h"

/* The head's bytes, when names and values (each with a NUL behind it) come to so many, and what
   comes before and behind them. At `out`, which has room; returns the end. */
size_t scgi_head_bytes(size_t texts);
char *scgi_write_begin(char *out, size_t texts);
char *scgi_write_end(char *out);
