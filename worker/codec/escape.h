/*
 * worker/codec/escape.h - writing text so that it survives inside a URI or HTML, and back.
 */
#pragma once

#include "common/pool.h"

/* What gets a percent code besides controls and space. All but the last two also code DEL and
   above. The last leaves the space alone, as nginx does in a target made of variables. */
enum escape_kind {
    ESCAPE_URI,       /* " # % < > ? \ ^ ` { | }        a path */
    ESCAPE_ARGS,      /* the same and & + ;             text that goes into a query */
    ESCAPE_COMPONENT, /* all but letters, digits and - . _ ~ */
    ESCAPE_REFRESH,   /* " ' < >                        a URI inside a quoted attribute */
    ESCAPE_LINK,      /* " # % ' < > \ ^ ` { | }        a URI of any kind in a page */
    ESCAPE_MEMCACHED, /* %                              a key */
    ESCAPE_TARGET,    /* DEL                            a whole request target, already coded */
    ESCAPE_KINDS
};

/* How many bytes need a code (each adds two to the length). 0: the text can stay as it is. */
size_t escape_count(struct str text, enum escape_kind kind);

/* Writes the escaped form, text.len + 2 * escape_count bytes. Returns the end. */
char *escape_write(char *out, struct str text, enum escape_kind kind);

/* The same slice when nothing needs a code, else a copy in pool. */
struct str escape(struct pool *pool, struct str text, enum escape_kind kind);

enum unescape_kind {
    UNESCAPE_ALL,
    UNESCAPE_URI,      /* a '?' ends it, encoded or not; it is not taken over */
    UNESCAPE_REDIRECT, /* printable characters above '%' only; behind a '?' all stays as it is */
};

/* Decodes percent codes in place or elsewhere (out may be text.data). A '%' that two hexadecimal
   digits do not follow stays. Returns the end. */
char *unescape_write(char *out, struct str text, enum unescape_kind kind);

/* The same slice when there is nothing to decode, else a copy in pool. */
struct str unescape(struct pool *pool, struct str text, enum unescape_kind kind);

/* < > & " as entities: bytes it would take, and as above. */
size_t escape_html_bytes(struct str text);
char *escape_html_write(char *out, struct str text);
struct str escape_html(struct pool *pool, struct str text);
