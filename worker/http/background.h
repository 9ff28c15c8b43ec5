/*
 * worker/http/background.h - what is done for a request while its client need not wait: mirror,
 * post_action.
 *
 * Subrequests of a copy of the request. The copy owns all it refers to, so they may go on when the
 * client has its answer, when its connection carries the next request, or when it is gone. A worker
 * that drains lets them finish.
 */
#pragma once

#include "worker/http/request.h"

struct background;

enum background_kind {
    BACKGROUND_WITH_BODY,    /* the request's body, which has been read, may be read by them */
    BACKGROUND_WITHOUT_BODY,
    BACKGROUND_OF_THE_END,   /* the response is over: variables tell of it as they do now; with the
                                body if it was read */
};

/* The copy. NULL, logged, when too much goes on already: half of worker_connections. */
struct background *background_begin(struct request *r, enum background_kind kind);

/* One subrequest of it with the request's own method, for a path (and args), or a named location
   ("@name") with the request's URI. Its answer is read and dropped. */
void background_run(struct background *b, struct str uri, struct str args);

/* That was all: it ends with the last of its subrequests. */
void background_let_go(struct background *b);
