/*
 * worker/http/dry_run.h - what would happen to a request: the phase engine, with nothing done.
 *
 * The same engine and handlers as for traffic, with ops that send nothing and write no zone, and a
 * recorder that keeps every decision. Where production would wait or ask an origin, an answer is
 * assumed and the assumption noted.
 */
#pragma once

#include "worker/http/phase.h"
#include "worker/http/server.h"

struct dry_question {
    const struct http_address *address; /* where it would arrive */
    struct str method;                  /* "GET" */
    struct str target;                  /* "/path?query", as a client would send it */
    struct str host;                    /* lower case, without port; may be empty */
    const struct http_fields *fields;   /* further header fields; NULL: none */
};

struct dry_note {
    const char *what;
    struct str text;
};

struct dry_answer {
    int status;                /* 0: it would wait for something that cannot be assumed */
    struct str location;       /* of a redirect */
    struct str handled_by;     /* the location's name; empty for the server itself */
    struct array notes;        /* struct dry_note, in order */
};

/* Runs to the end; everything in *answer lives in pool. RC_ERROR: the target is no valid uri. */
enum rc dry_run(struct pool *pool, const struct dry_question *question, struct dry_answer *answer);
