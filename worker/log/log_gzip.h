/*
 * worker/log/log_gzip.h - what a compressed access log is made of: a gzip member for each write
 * (RFC 1952, 2.2), so that the file can be read, and cut off, at any of them.
 */
#pragma once

#include "common/buf.h"

/* Compresses `text` into `out`, an empty buf, which is taken. False when memory is short. */
bool log_gzip(struct buf *out, struct str text, int level);
