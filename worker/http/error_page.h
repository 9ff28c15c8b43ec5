/*
 * worker/http/error_page.h - what is sent in place of an error: a configured page, or ours.
 */
#pragma once

#include "common/conf_load.h"
#include "worker/http/request.h"

/* Applies one `error_page` to the list of them, NULL at first. */
bool error_page_load(struct conf_call *call, struct array **pages);

/*
 * The configured page for r->out.status, if there is one and it applies. REROUTE: the engine goes
 * on at its uri or named location. ANSWERED: r->out is now a redirect to it. GO_ON: there is none.
 */
enum verdict error_page_apply(struct request *r);

/* Nobody waits for an answer, or none is to be given: the connection is just closed. */
bool error_page_is_silent(int status);

/* Whether one is configured for that status here. */
bool error_page_exists(const struct request *r, int status);

/* Fills the body of r->out with the standard page for its status. */
void error_page_standard(struct request *r);

/* "Not Found"; "Unknown" for numbers without a name (RFC 9110, 15). */
struct str error_page_reason(int status);
