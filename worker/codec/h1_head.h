/*
 * worker/codec/h1_head.h - heads of HTTP/1 requests and responses, parsed where they lie.
 *
 * The caller owns one contiguous buffer and calls h1_head_feed as bytes arrive; names and values
 * become slices of that buffer. Arrival one byte at a time costs no more in total than at once. The
 * request line is judged as soon as it is complete (a byte that can be in none, at once), each
 * field line when it is complete. What frames the body is settled here, strictly (RFC 9112, 6): one
 * framing per message, or H1_BAD.
 *
 *     h1_head_init(&head, H1_REQUEST, &limits, pool);
 *     switch (h1_head_feed(&head, buf.pos, buf_used(&buf))) {
 *     case H1_MORE:    read more, append; if the buffer moved, h1_head_rebase
 *     case H1_DONE:    buf.pos += head.bytes; the body follows
 *     case H1_PREFACE: an HTTP/2 client (nothing is consumed)
 *     case H1_BAD:     log h1_fault_text(head.fault), answer h1_fault_status(head.fault), close
 *     }
 */
#pragma once

#include "worker/codec/field.h"
#include "worker/codec/h1_host.h"
#include "worker/codec/method.h"

enum h1_kind {
    H1_REQUEST,
    H1_RESPONSE,
    H1_CGI,      /* a response without a status line: its fields say the status (RFC 3875, 6) */
    H1_CGI_LINE, /* the same, but a status line counts if there is one */
};

enum h1_result {
    H1_MORE,    /* well so far, not complete */
    H1_DONE,
    H1_PREFACE, /* a request line of "PRI * HTTP/2.0": the HTTP/2 preface (RFC 9113, 3.4). Who
                   does not speak it there takes it as H1_BAD; .fault is set for that */
    H1_BAD,     /* see .fault; final */
};

/* What is wrong, status that it deserves, text for the log. */
#define H1_FAULTS(row)                                                                             \
    row(NONE, 200, "nothing wrong")                                                                \
    row(METHOD, 400, "invalid method")                                                             \
    row(REQUEST_LINE, 400, "invalid request")                                                      \
    row(TARGET, 400, "invalid URI")                                                                \
    row(TARGET_HOST, 400, "invalid host in request line")                                          \
    row(HTTP09_METHOD, 400, "invalid HTTP/0.9 request: only GET is possible")                      \
    row(VERSION, 400, "invalid HTTP version")                                                      \
    row(VERSION_UNSUPPORTED, 505, "unsupported HTTP version")                                      \
    row(STATUS_LINE, 502, "no valid HTTP status line")                                             \
    row(LINE_TOO_LONG, 414, "too long URI")                                                        \
    row(FIELD_TOO_LONG, 494, "too long header line")                                               \
    row(HEAD_TOO_LARGE, 494, "too large request header")                                           \
    row(TOO_MANY_FIELDS, 494, "too many header lines")                                             \
    row(NO_MEMORY, 500, "no memory for header lines")                                              \
    row(NUL, 400, "a NUL byte in the header")                                                      \
    row(BARE_CR, 400, "a CR that no LF follows in the header")                                     \
    row(CONTROL, 400, "a control character in the header")                                         \
    row(FOLDED, 400, "a header line that begins with white space (obsolete line folding)")         \
    row(NO_COLON, 400, "a header line without a colon")                                            \
    row(EMPTY_NAME, 400, "a header line without a name")                                           \
    row(SPACE_BEFORE_COLON, 400, "white space between a header name and its colon")                \
    row(NAME, 400, "an invalid character in a header name")                                        \
    row(HOST_MISSING, 400, "HTTP/1.1 request without \"Host\" header")                             \
    row(HOST_DUPLICATE, 400, "duplicate \"Host\" header")                                          \
    row(HOST, 400, "invalid host header")                                                          \
    row(DUPLICATE, 400, "duplicate header line")                                                   \
    row(LENGTH, 400, "invalid \"Content-Length\" header")                                          \
    row(LENGTH_DUPLICATE, 400, "duplicate \"Content-Length\" header")                              \
    row(LENGTH_WITH_CODING, 400, "\"Content-Length\" and \"Transfer-Encoding\" headers together")  \
    row(CODING_UNKNOWN, 501, "unknown \"Transfer-Encoding\"")                                      \
    row(CODING_DUPLICATE, 400, "duplicate \"Transfer-Encoding\" header")                           \
    row(CODING_IN_10, 400, "\"Transfer-Encoding\" in an HTTP/1.0 message")

enum h1_fault {
#define H1_FAULT_ENUM(stem, status, text) H1_FAULT_##stem,
    H1_FAULTS(H1_FAULT_ENUM)
#undef H1_FAULT_ENUM
    H1_FAULT_COUNT
};

/* For a log line "client sent ..." / "upstream sent ...". */
const char *h1_fault_text(enum h1_fault fault);

/* Whether it is but too large. */
bool h1_fault_is_size(enum h1_fault fault);

/* 400, 414, 494 (nginx's number for "Request Header Or Cookie Too Large"; sent as 400), 500, 501,
   502, 505. For responses every fault means 502. */
int h1_fault_status(enum h1_fault fault);

struct h1_limits {
    uint32_t line_bytes; /* longest request line or field line, its line end included */
    uint32_t head_bytes; /* whole head */
    uint32_t fields;     /* max_headers: how many field lines, at most FIELDS_MAX */
    bool ignore_invalid; /* ignore_invalid_headers: drop fields with odd names (and count them) */
    bool underscores;    /* underscores_in_headers: '_' is not odd */
};

enum h1_form {
    H1_ORIGIN,    /* "/path?query" */
    H1_ABSOLUTE,  /* "http://host/path?query" */
    H1_ASTERISK,  /* "*", for OPTIONS */
    H1_AUTHORITY, /* "host:port", for CONNECT */
};

enum h1_version { H1_09 = 9, H1_10 = 10, H1_11 = 11 };

/* How the end of a body is known (RFC 9112, 6.3). */
enum h1_body {
    H1_BODY_NONE,
    H1_BODY_LENGTH,  /* content_length bytes, more than 0 */
    H1_BODY_CHUNKED,
    H1_BODY_CLOSE,   /* until the sender closes; responses only */
};

struct h1_head {
    /* What was asked of the parser. */
    enum h1_kind kind;
    struct h1_limits limits;

    /* The outcome. */
    enum h1_fault fault;
    uint32_t bytes;         /* size of the head once H1_DONE, blank lines before it included */
    uint32_t line_at;       /* offset of the first line, past blank lines before it */
    uint32_t fault_at;      /* offset of the byte at fault, as near as it is known */

    /* The request line; valid from the call in which has_line became true. */
    bool has_line;
    uint8_t version;        /* enum h1_version; HTTP/1.2 and up count as 11 */
    uint8_t method;         /* enum method */
    uint8_t form;           /* enum h1_form */
    struct str line;        /* all of it, without the line end (nginx's $request) */
    struct str method_text;
    struct str target;      /* as sent */
    struct str scheme;      /* of the absolute form, else STR_NONE */
    struct str authority;   /* of the absolute and authority forms, else STR_NONE */
    struct str path;        /* path and query, for uri_parse (nginx's $request_uri): the target, or
                               its part behind the authority ("/" when that has none; "?x" stays
                               so), "*" as it is, STR_NONE for the authority form */
    struct str protocol;    /* "HTTP/1.1"; empty for 0.9 */

    /* The status line. */
    uint16_t status;        /* 100 to 999 */
    struct str reason;      /* may be empty */

    /* Where the request goes: from the authority of the target if it has one, else from Host
       (RFC 9112, 3.2.2). Checked; without port and without the final dot; as sent, not lower case.
       STR_NONE when neither is there (possible before 1.1). */
    struct str host;
    bool host_has_upper;    /* it has capitals to be folded before it is looked up */
    int32_t port;           /* -1: none given */

    /* The body and the connection. */
    int64_t content_length; /* -1: none */
    bool chunked;
    bool keep_alive;        /* from version and Connection; says nothing about H1_BODY_CLOSE */
    bool close_asked;       /* Connection: close was there */
    bool keep_alive_asked;  /* Connection: keep-alive was there */
    bool upgrade;           /* Connection: upgrade, and an Upgrade field is there */
    bool expect_continue;   /* Expect: 100-continue in a 1.1 request */
    bool te_trailers;       /* TE lists trailers, and Connection lists TE */

    uint32_t ignored;       /* fields dropped because of odd names */
    struct str ignored_name; /* the last of them, for the log */

    /* The parser's own. */
    const char *base;
    uint32_t seen;          /* bytes there at the last call */
    uint32_t line_start;    /* of the line being parsed */
    uint32_t scanned;       /* up to here it has no line end */
    uint8_t state;
    bool connection_upgrade;
    bool connection_te;

    struct http_fields fields; /* last: init clears what stands before it */
};

/* Prepares for a new head; cheap (the fields' storage is not cleared). `pool` serves growth beyond
   FIELDS_INPLACE fields only. */
void h1_head_init(struct h1_head *h, enum h1_kind kind, const struct h1_limits *limits,
                  struct pool *pool);

/*
 * All the bytes there are, from the head's first on: `base` is the same in every call (or told by
 * h1_head_rebase) and `len` never shrinks. Bytes behind the head are not looked at.
 */
enum h1_result h1_head_feed(struct h1_head *h, const char *base, size_t len);

/* The bytes moved: what was at h->base is now at `to`. Every slice follows. */
void h1_head_rebase(struct h1_head *h, const char *to);

/* What body follows. `to_head`: the response answers a HEAD request (ignored for requests). For
   status 101 the answer is H1_BODY_NONE: what follows is no longer HTTP. */
enum h1_body h1_body_kind(const struct h1_head *h, bool to_head);

/* A character of names and other tokens (RFC 9110, 5.6.2). */
bool h1_head_is_token_char(char c);
