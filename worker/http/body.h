/*
 * worker/http/body.h - the request's body: read once from the wire, readable many times.
 *
 * Two ways to use it. Whole: body_read_all waits until all of it is in the spool (memory up to
 * client_body_buffer_size, then a temp file). Flowing: body_stream gives a source that passes bytes
 * on as they arrive (proxy_request_buffering off). Either way limits are enforced here.
 */
#pragma once

#include "worker/http/request.h"

struct spool;

struct request_body {
    struct source *wire;       /* unread bytes from the client */
    struct spool *spool;       /* what was read; NULL until buffering begins */
    int64_t received;          /* body bytes so far */
    bool complete;
    bool failed;               /* client cut it, broke framing, timed out, or it is too large */
    bool in_file;              /* wanted in a file, by body_want_file */
    uint16_t status;           /* the answer that a failure deserves: 400, 408, 413, 500 */
    struct post post;          /* posted when the wire has news */
    struct request *request;
    struct str in_place;       /* all of it, where the wire has it */
    struct source flow;        /* body_stream's */
    struct http_fields *trailers; /* fields behind it, known with its end: the wire's, without
                                  those that may not stand there; NULL: none */
};

/* Called by the engine before phases run: sets up r->body where one was announced. A length above
   client_max_body_size is refused later, when the location is known: body_check_limit. */
void body_init(struct request *r);

/* For a copy of a request that may outlive it: a body that was read whole, to be read again.
   Nothing when it was not. */
void body_share(struct request *copy, const struct request_body *body);

/* RC_ERROR when the announced length is above client_max_body_size here (answer 413). */
enum rc body_check_limit(struct request *r);

/*
 * RC_OK: all there (or there is none): body_source may be called any number of times. RC_AGAIN: the
 * request will be resumed. RC_ERROR: r->body->status says what to answer.
 */
enum rc body_read_all(struct request *r);

/* For the wire: the client took too long over it. Logged; who reads it is told once the wire's
   source fails. */
void body_timed_out(struct request *r);

/* For $fail_reason, when reading it has failed. */
const char *body_fail_reason(const struct request *r);

/* Before body_read_all is first called: the body is to be in a file with a name, however small. */
void body_want_file(struct request *r);
/* That file, for good: its name (free() it, unlink it) and a descriptor. NULL: there is none, as
   there was no body, or somebody else had read it before. */
char *body_take_file(struct request *r, int *fd);

/* A new reader over the complete body, from its start; an empty source without a body. */
struct source *body_source(struct request *r);
/* Its length: content-length, or what was counted. */
int64_t body_length(const struct request *r);

/* The bytes as they arrive. Cannot be read again. The length is -1 when chunked. */
struct source *body_stream(struct request *r);

/* The body in one piece of memory ($request_body): STR_NONE if it is in a file. */
struct str body_in_memory(struct request *r);

/* Its file, when client_body_in_file_only gives it a name; else STR_NONE. */
struct str body_file_name(struct request *r);
