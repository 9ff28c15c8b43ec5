/*
 * worker/http/coding.h - which content codings a client may be sent: what compression on the way
 * and files compressed beforehand share.
 */
#pragma once

#include "worker/http/request.h"

extern const struct module coding_module;

enum coding { CODING_GZIP, CODING_BROTLI, CODING_ZSTD, CODINGS };

/* "gzip", "br", "zstd" */
struct str coding_name(enum coding coding);

/* How much the client wants it: 1 to 1000. 0: not at all, or gzip_http_version, gzip_proxied or
   gzip_disable (which hold for all codings) are against it. RFC 9110, 12.5.3. */
int coding_weight(struct request *r, enum coding coding);

/* The answer depends on Accept-Encoding: says so in Vary, if gzip_vary is on. */
void coding_varies(struct request *r);
bool coding_says_vary(const struct request *r); /* gzip_vary is on */
