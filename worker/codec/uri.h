/*
 * worker/codec/uri.h - a request target made into the path that locations are matched with.
 *
 * As nginx does it: percent codes decoded, "." and ".." resolved, slashes merged if asked, query
 * split off, fragment dropped. A target without any of these (nearly all) costs one scan and no
 * copy: the results are slices of it.
 */
#pragma once

#include "common/pool.h"

enum uri_fault {
    URI_OK,
    URI_NO_SLASH,    /* does not begin with '/' (nor is it "*", or '?' after an authority) */
    URI_BAD_PERCENT, /* '%' without two hexadecimal digits */
    URI_NUL,         /* %00, or a NUL byte */
    URI_ABOVE_ROOT,  /* ".." out of the root */
    URI_BAD_BYTE,    /* a control character or a space */
    URI_FAULTS
};

/* For the log. Every fault deserves 400. */
const char *uri_fault_text(enum uri_fault fault);

struct uri {
    struct str path; /* nginx's $uri: begins with '/', or is "*" */
    struct str args; /* behind the first '?', not decoded; STR_NONE without one, "" for "/a?" */
    struct str ext;  /* behind the last '.' of the last segment, as is; STR_NONE without one. The
                        dot that a segment begins with (".htaccess") does not count */
    bool changed;    /* path and args together are not byte for byte what was sent */
    bool quoted;     /* the path had percent codes: what is built from it must be escaped */
};

/* `target`: origin form, "*", or "?query" (an absolute target without path; the path is "/"). A
   changed path is allocated from pool. */
enum uri_fault uri_parse(struct uri *out, struct str target, bool merge_slashes, struct pool *pool);

/* Sets out->ext from out->path; for a path that was rewritten. */
void uri_set_ext(struct uri *out);

/*
 * The value of an argument in a query string, without case as nginx compares; false if it is not
 * there. The value is not decoded.
 */
bool uri_arg(struct str args, struct str name, struct str *value);

/* "." and ".." segments, NUL: whether a path of our own making (a header, a rewrite) may leave its
   root. True is safe. */
bool uri_is_safe(struct str path);
