/*
 * worker/codec/fcgi.h - FastCGI 1.0 records: what a web server sends, and what it reads.
 *
 * One request at a time on a connection: its id is always FCGI_REQUEST.
 */
#pragma once

#include "common/str.h"

enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1,
    FCGI_END_REQUEST = 3,
    FCGI_PARAMS = 4,
    FCGI_STDIN = 5,
    FCGI_STDOUT = 6,
    FCGI_STDERR = 7,
};

enum { FCGI_REQUEST = 1 };

#define FCGI_HEADER_BYTES 8
#define FCGI_BEGIN_BYTES  16    /* the record that begins a request */
#define FCGI_CONTENT_MOST 65535 /* of a record */

/* Writing: each at `out`, which has room, and returns the end ---------------------------------- */

/* The record that begins a request, for a responder. */
char *fcgi_write_begin(char *out, bool keep_conn);

/* The header of a record whose `content` bytes follow; 0: the end of that stream. */
char *fcgi_write_header(char *out, enum fcgi_type type, size_t content);

/* A name with a value, as they stand in the content of FCGI_PARAMS: the bytes it takes, and the
   lengths that come before the two texts. Neither length may reach 2^31. */
size_t fcgi_pair_bytes(size_t name, size_t value);
char *fcgi_write_pair_head(char *out, size_t name, size_t value);

/* Records that so much content takes; their headers come to FCGI_HEADER_BYTES each. */
static inline size_t fcgi_records(size_t content)
{
    return (content + FCGI_CONTENT_MOST - 1) / FCGI_CONTENT_MOST;
}

/* A stream's content lies behind `out` and room for the headers of its records: puts those in. */
char *fcgi_write_headers(char *out, enum fcgi_type type, size_t content);

/* Reading -------------------------------------------------------------------------------------- */

enum fcgi_result {
    FCGI_MORE,       /* all input is consumed */
    FCGI_OUT,        /* *data is a part of standard output, never empty */
    FCGI_OUT_END,    /* standard output is complete */
    FCGI_ERR,        /* *data is a part of standard error */
    FCGI_ERR_RECORD, /* and what came of it so far makes a whole record */
    FCGI_END,        /* the request is over: app_status, protocol_status */
    FCGI_BAD,        /* see fault; final */
};

enum fcgi_protocol_status {
    FCGI_REQUEST_COMPLETE, FCGI_CANT_MPX_CONN, FCGI_OVERLOADED, FCGI_UNKNOWN_ROLE
};

struct fcgi_reader {
    uint8_t state;
    uint8_t type;            /* enum fcgi_type of the current record */
    uint8_t have;            /* bytes in `bytes` */
    uint8_t padding;         /* bytes of it to come */
    uint16_t left;           /* bytes of content to come */
    bool out_ended;          /* standard output is complete */
    bool ended;              /* so is the request, but for padding */
    uint8_t protocol_status; /* enum fcgi_protocol_status, or what else was sent */
    uint8_t bytes[FCGI_HEADER_BYTES];
    uint32_t app_status;
    const char *fault;       /* for a log line "upstream sent ..." */
};

void fcgi_reader_init(struct fcgi_reader *f);

/* Consumes from the front of *in; *data are slices of it. Records may be cut anywhere. */
enum fcgi_result fcgi_next(struct fcgi_reader *f, struct str *in, struct str *data);
