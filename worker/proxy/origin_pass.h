/*
 * worker/proxy/origin_pass.h - the address that fastcgi_pass and its kin name: an upstream,
 * host:port or unix:path, known at load or made of variables for each request.
 */
#pragma once

#include "worker/http/request.h"
#include "worker/proxy/origin.h"

/* Applies one. `scheme` ("fastcgi://") is what log lines show before an address. */
bool origin_pass_load(struct conf_call *call, struct str scheme, phase_fn *handler);

/* Where this request goes; see proxy_codec.target. */
const struct proxy_pass *origin_pass_target(struct request *r, const struct proxy_pass *pass,
                                            int *status);
