/*
 * worker/proxy/proxy_trailers.h - the fields behind a client's body on their way to the origin.
 *
 * What may pass is decided here, alike for all protocols on either side.
 */
#pragma once

#include "worker/proxy/proxy_run.h"

/* Whether trailer fields of this request pass, should there be any. For all codecs; what follows
   is for those whose configuration is a struct proxy_conf. */
bool proxy_trailers_may_pass(const struct proxy_run *run);

/* All that follow need the end of the body. Whether there are some to be sent. */
bool proxy_trailers_came(const struct proxy_run *run);

/* As lines of HTTP/1, each with its end; empty: none. In the request's pool. */
struct str proxy_trailers_lines(struct proxy_run *run);

/* For HTTP/2; NULL: none. In the request's pool. */
const struct h2_fields *proxy_trailers_fields(struct proxy_run *run);
