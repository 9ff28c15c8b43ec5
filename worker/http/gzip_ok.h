/*
 * worker/http/gzip_ok.h - whether a client may be sent gzip: what gzip and gzip_static share.
 */
#pragma once

#include "worker/http/request.h"

extern const struct module gzip_ok_module;

/* Whether this client takes gzip, as gzip_http_version, gzip_proxied and gzip_disable see it. */
bool gzip_ok(struct request *r);

/* The answer depends on Accept-Encoding: says so in Vary, if gzip_vary is on. */
void gzip_ok_varies(struct request *r);
bool gzip_ok_says_vary(const struct request *r); /* gzip_vary is on */
