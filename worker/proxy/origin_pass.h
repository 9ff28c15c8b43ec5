/*
 * worker/proxy/origin_pass.h - the address that fastcgi_pass and its kin name: an upstream,
 * host:port or unix:path, known at load or made of variables for each request.
 */
#pragma once

#include "worker/http/request.h"
#include "worker/proxy/origin.h"

/* What log lines show before an address, and may be written there too. */
struct origin_schemes {
    struct str plain;  /* "uwsgi://" */
    struct str secure; /* "suwsgi://": over TLS; empty: there is no such thing */
};

/* Applies one; `schemes` lives as long as the program. */
bool origin_pass_load(struct conf_call *call, const struct origin_schemes *schemes,
                      phase_fn *handler);

/* The address of such a directive, in the pool. NULL: reported. `text`: an argument, or our own. */
struct proxy_pass *origin_pass_make(struct conf_call *call, const struct origin_schemes *schemes,
                                    struct str text);

/* Where this request goes; see proxy_codec.target. */
const struct proxy_pass *origin_pass_target(struct request *r, const struct proxy_pass *pass,
                                            int *status);
