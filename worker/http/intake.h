/*
 * worker/http/intake.h - what every protocol does with a head that it has read: limits, the target,
 * the server.
 */
#pragma once

#include "worker/codec/h1_head.h"
#include "worker/codec/uri.h"
#include "worker/http/http_core.h"
#include "worker/http/server.h"

/* What the configuration allows a head to be. */
void intake_limits(const struct http_core_conf *conf, struct h1_limits *limits);

/* r->uri, args and what follows from them, from a target in origin form. */
enum uri_fault intake_target(struct request *r, struct str target);

/* r->host and the server that it names at the address; r is in that server's base afterwards. The
   host is as sent, without port, and may be STR_NONE; `has_upper`: it has capitals. */
void intake_server(struct request *r, const struct http_address *address, struct str host,
                   bool has_upper);

/* For $fail_reason: what a head that is refused has wrong (common/fail_reason.h). */
const char *intake_reason(enum h1_fault fault);
