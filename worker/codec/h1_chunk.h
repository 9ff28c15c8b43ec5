/*
 * worker/codec/h1_chunk.h - the chunked transfer coding, both ways (RFC 9112, 7.1).
 *
 * The decoder takes bytes cut anywhere and points at the payload in place. It is strict: a bare LF,
 * a size that overflows, stray bytes after a chunk are an error. Extensions are checked for length
 * and skipped; trailer fields are collected.
 */
#pragma once

#include "worker/codec/field.h"

enum h1_chunk_result {
    H1_CHUNK_MORE, /* all input used, the body is not complete */
    H1_CHUNK_DATA, /* *data is payload (never empty); call again with the same *in */
    H1_CHUNK_DONE, /* the body and its trailer are complete; *in is what follows it */
    H1_CHUNK_BAD,  /* final; h1_chunk_fault says why */
};

#define H1_CHUNK_LINE_MAX 4096 /* size line with its extensions */

struct h1_chunk {
    uint64_t left;          /* payload bytes to come in the current chunk */
    uint64_t total;         /* payload bytes handed out so far */
    uint32_t line_bytes;    /* of the size line or the trailer so far */
    uint32_t trailer_max;
    uint8_t state;
    bool tolerant;
    const char *fault;
    struct pool *pool;
    struct http_fields *trailers;
    struct http_fields **made; /* h1_chunk_keep's */
    uint32_t most;          /* trailer fields */
    char *trailer_text;     /* in the pool, when there is a trailer */
    uint32_t trailer_cap;
};

/*
 * `trailers` receives the trailer fields (slices of memory in `pool`); with NULL they are checked
 * for size and dropped. Trailers that would change framing, routing or authority are dropped always
 * (RFC 9110, 6.5.1). `trailer_max` bounds the trailer section in bytes. `tolerant` accepts blanks
 * between a chunk's size and its line end, which some origins pad with; never set it for clients.
 */
void h1_chunk_init(struct h1_chunk *c, struct http_fields *trailers, struct pool *pool,
                   uint32_t trailer_max, bool tolerant);

/* Another way to have trailer fields, before any came: the list is made in the pool, and *made is
   it, once there is one to be kept; lines that are no fields are dropped. More than `most` are a
   fault. NULL, at any time: none are kept from now on, and the pool is not touched any more. */
void h1_chunk_keep(struct h1_chunk *c, struct http_fields **made, uint32_t trailer_max,
                   uint32_t most);

/* Consumes from the front of *in. */
enum h1_chunk_result h1_chunk_next(struct h1_chunk *c, struct str *in, struct str *data);

/* Fewest bytes that must still come before the body can be complete; a reader that does not
   pipeline may read that many without reading past the body. */
uint64_t h1_chunk_least(const struct h1_chunk *c);

/* Why it was bad, for a log line "client sent ..."; NULL if it was not. */
static inline const char *h1_chunk_fault(const struct h1_chunk *c)
{
    return c->fault;
}

/* The line before `bytes` (above 0) of payload: "1f4\r\n". CRLF follows the payload. */
#define H1_CHUNK_HEAD_MAX 18
char *h1_chunk_head(char *out, uint64_t bytes);

#define H1_CHUNK_END  "\r\n"        /* after a chunk's payload */
#define H1_CHUNK_LAST "0\r\n\r\n"   /* ends a body without trailer */
#define H1_CHUNK_ZERO "0\r\n"       /* trailer fields and an empty line follow */
